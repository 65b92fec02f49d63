#include "weights_convert/rename/naming.h"

#include <catch2/catch.hpp>

#include "weights_convert/rename/glob.h"

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

TEST_CASE("PyTorch names the layers of SENet that GluonCV numbers", "[rename][convert][cpu]") {
  const NameTable& senet = name_table(network("senet_154"));
  const std::pair<const char*, const char*> names[] = {
      {"features.0.weight", "layer0.conv1.weight"},
      {"features.7.running_var", "layer0.bn3.running_var"},
      {"features.10.0.body.0.weight", "layer1.0.conv1.weight"},
      {"features.12.35.body.7.gamma", "layer3.35.bn3.weight"},
      {"features.13.2.body.4.beta", "layer4.2.bn2.bias"},
      {"features.11.1.se.0.bias", "layer2.1.se_module.fc1.bias"},
      {"features.11.1.se.2.weight", "layer2.1.se_module.fc2.weight"},
      {"features.11.0.downsample.0.weight", "layer2.0.downsample.0.weight"},
      {"features.11.0.downsample.1.gamma", "layer2.0.downsample.1.weight"},
      {"output.bias", "last_linear.bias"}};
  for (const auto& [gluon, torch] : names) CHECK(senet.torch_name(gluon) == torch);
}

TEST_CASE("EfficientNet has timm's names", "[rename][convert][cpu]") {
  const Network& efficient = network("tf_efficientnet_b2");
  const NameTable& table = name_table(efficient);
  CHECK(table.torch_name("blocks.1.0.bn3.gamma") == "blocks.1.0.bn3.weight");
  CHECK(table.torch_name("blocks.1.0.se.conv_reduce.bias") == "blocks.1.0.se.conv_reduce.bias");
  const std::vector<Parameter> all = parameters(efficient, {});
  std::vector<std::string> names;
  for (const Parameter& parameter : all) names.push_back(table.torch_name(parameter.name));
  const CanonicalNames found = canonical_names(table, all, names);
  CHECK(found.style == NamingStyle::kTorch);
  for (std::size_t i = 0; i < all.size(); ++i) CHECK(found.names[i] == all[i].name);
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
  CHECK(legacy_name("senet_154", "features.7.gamma") == "batchnorm2_gamma");
  CHECK(legacy_name("senet_154", "features.10.0.downsample.0.weight") == "stage1_conv5_weight");
  CHECK(legacy_name("senet_154", "features.10.2.se.0.bias") == "stage1_conv14_bias");
  CHECK(legacy_name("senet_154", "output.weight") == "dense0_weight");
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

TEST_CASE("what wrappers and outer modules put before names is taken away",
          "[rename][convert][cpu]") {
  const Network& resnest = network("resnest14");
  const std::vector<Parameter> all = parameters(resnest, {});
  const std::vector<std::string> legacy = name_table(resnest).legacy_names(all);
  const auto found_with = [&](auto spell, const std::vector<std::string>& more = {}) {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < all.size(); ++i) {
      names.push_back(spell(name_table(resnest).torch_name(all[i].name), all[i].name, legacy[i]));
    }
    names.insert(names.end(), more.begin(), more.end());
    CanonicalNames found = canonical_names(name_table(resnest), all, names);
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(found.names[i] == all[i].name);
    CHECK(found.num_found == all.size());
    for (std::size_t i = all.size(); i < names.size(); ++i) CHECK_FALSE(found.names[i]);
    return found;
  };
  for (const std::string prefix :
       {"module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.", "module.module.",
        "model.", "net.", "backbone.", "0.", "model.module._orig_mod.", "a.b.c.", "layer1."}) {
    INFO(prefix);
    const std::vector<std::string> outside = {"criterion.weight", "n_averaged"};
    const bool own = prefix.find("mod") != 0 && prefix.find("_orig") != 0;
    const auto torch = [&](const std::string& name, auto&&...) { return prefix + name; };
    const CanonicalNames found =
        found_with(torch, prefix == "model." || own ? outside : std::vector<std::string>{});
    if (own) CHECK(found.outside == std::vector<std::string>{"criterion.weight"});
    found_with([&](auto&&, const std::string& name, auto&&) { return prefix + name; });
  }
  // Wrappers within the network, as torch.compile and FSDP leave them around single modules.
  found_with([](std::string name, auto&&...) {
    if (name.starts_with("layer")) name.insert(7, "_orig_mod.");
    return name;
  });
  // Blocks within blocks of Gluon, with and without arg: and aux:.
  for (const std::string prefix : {"resnest0_", "hybridsequential0_resnest1_", "net_0_a_"}) {
    found_with([&](auto&&, auto&&, const std::string& name) { return "arg:" + prefix + name; },
               {"loss0_weight"});
  }
}

TEST_CASE("the only dense layer of an export is the last one, whatever its number",
          "[rename][convert][cpu]") {
  const Network& resnest = network("resnest14");
  const std::vector<Parameter> all = parameters(resnest, {});
  const std::vector<std::string> legacy = name_table(resnest).legacy_names(all);
  for (const auto& [head, found] : {std::pair<std::string, bool>{"resnest0_dense1_", true},
                                    {"resnest0_dense17_", true},
                                    {"dense1_", true},
                                    {"dense0_", true},
                                    {"resnest0_densely_", false}}) {
    std::vector<std::string> names;
    for (const std::string& name : legacy) {
      const bool dense = name.starts_with("dense0_");
      names.push_back(dense ? head + name.substr(7) : "resnest0_" + name);
    }
    CHECK((canonical_names(name_table(resnest), all, names).num_found == all.size()) == found);
  }
  std::vector<std::string> two = legacy;
  two.emplace_back("dense1_weight");
  CHECK(canonical_names(name_table(resnest), all, two).names.back() == "dense1_weight");
}

TEST_CASE("two complete sets of weights under two prefixes are told", "[rename][convert][cpu]") {
  const Network& resnest = network("resnest14");
  const std::vector<Parameter> all = parameters(resnest, {});
  std::vector<std::string> names;
  for (const char* prefix : {"student.", "teacher."}) {
    for (const Parameter& parameter : all) {
      names.push_back(prefix + name_table(resnest).torch_name(parameter.name));
    }
  }
  const CanonicalNames found = canonical_names(name_table(resnest), all, names);
  CHECK(found.prefix == "student.");
  CHECK(found.rivals == std::vector<std::string>{"teacher."});
}

TEST_CASE("globs match whole names", "[rename][convert][cpu]") {
  CHECK(matches_glob("*total_ops", "layer1.0.total_ops"));
  CHECK(matches_glob("*total_ops", "total_ops"));
  CHECK(matches_glob("a?c*", "abcde"));
  CHECK(matches_glob("*.*.weight", "a.b.weight"));
  CHECK(matches_glob("*", ""));
  CHECK_FALSE(matches_glob("*total_ops", "total_ops2"));
  CHECK_FALSE(matches_glob("a?c", "ac"));
  CHECK_FALSE(matches_glob("", "a"));
  CHECK_FALSE(matches_glob("*a*a*a*a*a*a*a*a*b", std::string(60'000, 'a')));
}

}  // namespace nestor
