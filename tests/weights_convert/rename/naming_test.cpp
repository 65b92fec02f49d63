#include "weights_convert/rename/naming.h"

#include <catch2/catch.hpp>

namespace nestor {

namespace {

const Network& network(std::string_view name) { return *find_network(name); }

std::string legacy_name(std::string_view name, std::string_view canonical) {
  const std::vector<Parameter> all = parameters(network(name), {});
  const std::vector<std::string> legacy = name_table(network(name)).legacy_names(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].name == canonical) return legacy[i];
  }
  return "none";
}

}  // namespace

TEST_CASE("every family of the zoo has a name table", "[rename][convert][cpu]") {
  for (const Network& each : networks()) CHECK(name_table(each).family == each.family);
}

TEST_CASE("PyTorch names differ in the suffixes of batch norms and in bn0",
          "[rename][convert][cpu]") {
  const NameTable& resnest = name_table(network("resnest50"));
  CHECK(resnest.torch_name("layer1.0.conv2.bn.gamma") == "layer1.0.conv2.bn0.weight");
  CHECK(resnest.torch_name("layer1.0.conv2.bn1.beta") == "layer1.0.conv2.bn1.bias");
  CHECK(resnest.torch_name("bn1.running_var") == "bn1.running_var");
  CHECK(resnest.torch_name("fc.bias") == "fc.bias");
  const NameTable& resnet = name_table(network("resnet101_v1b"));
  CHECK(resnet.torch_name("layer4.2.bn3.gamma") == "layer4.2.bn3.weight");
}

TEST_CASE("legacy names count layers by kind within their scope", "[rename][convert][cpu]") {
  CHECK(legacy_name("resnest50", "conv1.6.weight") == "conv2_weight");
  CHECK(legacy_name("resnest50", "bn1.gamma") == "batchnorm2_gamma");
  CHECK(legacy_name("resnest50", "layer1.0.conv2.fc2.bias") == "layers1_conv3_bias");
  CHECK(legacy_name("resnest50", "layer3.5.bn3.beta") == "layers3_batchnorm23_beta");
  CHECK(legacy_name("resnest50", "layer2.0.downsample.2.running_mean") ==
        "down2_batchnorm0_running_mean");
  CHECK(legacy_name("resnest50", "fc.weight") == "dense0_weight");
  CHECK(legacy_name("resnet101_v1b", "bn1.gamma") == "batchnorm0_gamma");
  CHECK(legacy_name("resnet101_v1b", "layer3.22.conv2.weight") == "layers3_conv67_weight");
  CHECK(legacy_name("resnet101_v1b", "layer1.0.downsample.0.weight") == "down1_conv0_weight");
}

TEST_CASE("all spellings of a network's names are recognised", "[rename][convert][cpu]") {
  const Network& resnest = network("resnest14");
  const std::vector<Parameter> all = parameters(resnest, {});
  const std::vector<std::string> legacy = name_table(resnest).legacy_names(all);
  const auto spelling = GENERATE(range(0, 7));
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::string synchronised = legacy[i];
    const std::size_t norm = synchronised.find("batchnorm");
    if (norm != std::string::npos) synchronised.insert(norm, "sync");
    const bool statistic = legacy[i].find("running_") != std::string::npos;
    const std::string torch = name_table(resnest).torch_name(all[i].name);
    const std::string spellings[] = {all[i].name,
                                     torch,
                                     "module." + torch,
                                     legacy[i],
                                     "resnest_" + legacy[i],
                                     "resnest0_" + synchronised,
                                     (statistic ? "aux:net_" : "arg:net_") + legacy[i]};
    names.push_back(spellings[spelling]);
  }
  const CanonicalNames found = canonical_names(name_table(resnest), all, names);
  CHECK(found.style == (spelling == 0  ? NamingStyle::kStructural
                        : spelling < 3 ? NamingStyle::kTorch
                                       : NamingStyle::kLegacy));
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(found.names[i] == all[i].name);
}

TEST_CASE("names of no parameter stay as they are, counters of batches vanish",
          "[rename][convert][cpu]") {
  const Network& resnest = network("resnest14");
  const std::vector<std::string> names = {"bn1.weight", "bn1.num_batches_tracked", "head.weight"};
  const CanonicalNames found = canonical_names(name_table(resnest), parameters(resnest, {}), names);
  CHECK(found.names[0] == "bn1.gamma");
  CHECK_FALSE(found.names[1]);
  CHECK(found.names[2] == "head.weight");
}

}  // namespace nestor
