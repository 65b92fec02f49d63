#include "weights_convert/pretrained/selection.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"
#include "weights_convert/pretrained/pull.h"

namespace nestor {

namespace {

using Strings = std::vector<std::string>;

Strings joined(const std::vector<std::string_view>& arguments) {
  return join_pretrained_value(arguments);
}

std::string selected(std::string_view network, std::string_view which) {
  return select_for_network(official_files(), network, which).name;
}

std::string named(std::string_view name) { return select_by_name(official_files(), name).name; }

}  // namespace

TEST_CASE("pretrained: an option with a value or none does not swallow the photo", "[apps][cpu]") {
  const std::string any = "--pretrained=any";
  CHECK(joined({"c", "--pretrained", "photo.jpg"}) == Strings{"c", any, "photo.jpg"});
  CHECK(joined({"c", "a.jpg", "--pretrained"}) == Strings{"c", "a.jpg", any});
  CHECK(joined({"c", "--pretrained", "--offline", "x"}) == Strings{"c", any, "--offline", "x"});
  CHECK(joined({"c", "--pretrained=", "x.jpg"}) == Strings{"c", any, "x.jpg"});
  for (const char* const image : {"photos/", "../timm", "./timm", "*.png", "@list", "-", "/a/b"}) {
    CHECK(joined({"c", "--pretrained", image}) == Strings{"c", any, image});
  }
  for (const char* const which : {"timm", "gluoncv", "in1k", "bcfefe1d", "nonsense"}) {
    const std::string value = std::string("--pretrained=") + which;
    CHECK(joined({"c", "--pretrained", which, "x"}) == Strings{"c", value, "x"});
    CHECK(joined({"c", value, "x"}) == Strings{"c", value, "x"});
  }
  CHECK(joined({"c", "--", "--pretrained", "timm"}) == Strings{"c", "--", "--pretrained", "timm"});
}

TEST_CASE("pretrained: which of a network's weights", "[apps][cpu]") {
  CHECK(selected("resnest50", kAnyWeights) == "gluoncv/resnest50");
  CHECK(selected("resnest50", "timm") == "timm/resnest50d.in1k");
  CHECK(selected("resnest50", "in1k") == "timm/resnest50d.in1k");
  CHECK(selected("resnest50", "resnest") == "resnest/resnest50");
  CHECK(selected("resnest50", "528c19ca") == "resnest/resnest50");
  CHECK(selected("resnest50", "timm/resnest50d.in1k") == "timm/resnest50d.in1k");
  CHECK(selected("resnest14", "gluon_in1k") == "timm/resnest14d.gluon_in1k");
  CHECK(selected("resnet101_v1d", "8659a9d6") == "gluoncv/resnet101_v1d-8659a9d6");
  CHECK(selected("resnet101_v1d", kAnyWeights) == "gluoncv/resnet101_v1d");
  CHECK(selected("resnest50_fast_1s1x64d", kAnyWeights) == "resnest/resnest50_fast_1s1x64d");
  CHECK(selected("", "bcfefe1d") == "gluoncv/resnest50");
  for (const auto& [network, which] :
       std::vector<std::pair<std::string, std::string>>{{"resnest50", "cadene"},
                                                        {"resnest50", "22405ba7"},
                                                        {"resnest50", "528c19c"},
                                                        {"vgg", "any"},
                                                        {"", "any"},
                                                        {"", "deadbeef"}}) {
    INFO(network << " " << which);
    const auto [code, message] = test::error_of([&, n = network, w = which] { selected(n, w); });
    CHECK(code == ErrorCode::kUsage);
    CHECK(message != "");
  }
}

TEST_CASE("pretrained: every name of the list finds its own weights", "[apps][cpu]") {
  for (const OfficialFile& file : official_files()) {
    CHECK(named(file.name) == file.name);
    CHECK(select_by_name(official_files(), file.file).file == file.file);
    CHECK(select_by_name(official_files(), file.hash_prefix).hash_prefix == file.hash_prefix);
  }
  CHECK(named("resnest50") == "gluoncv/resnest50");
  CHECK(named("resnest50d.in1k") == "timm/resnest50d.in1k");
  CHECK(named("resnest50-528c19ca") == "resnest/resnest50");
  for (const char* const name : {"resnest50d", "timm/resnest50d", "hf_hub:timm/resnest50d.in1k"}) {
    CHECK(named(name) == "timm/resnest50d.in1k");
    CHECK(selected(name, kAnyWeights) == "timm/resnest50d.in1k");
    CHECK(selected("resnest50", name) == "timm/resnest50d.in1k");
    CHECK(network_called(name) == "resnest50");
  }
  CHECK(selected("timm/resnest50d.in1k", "in1k") == "timm/resnest50d.in1k");
  CHECK(test::error_of([] { selected("resnest50d", "gluoncv"); }).first == ErrorCode::kUsage);
  CHECK(network_called("resnest50_fast_1s4x24d") == "resnest50_fast_1s4x24d");
  CHECK(network_called("resnest50d_1s4x24d") == "resnest50_fast_1s4x24d");
  CHECK(network_called("vgg") == "vgg");
  CHECK(network_called("") == "");
  CHECK(test::error_of([] { named("resnest"); }).first == ErrorCode::kUsage);
}

TEST_CASE("pretrained: addresses", "[apps][cpu]") {
  const OfficialFile& params = select_by_name(official_files(), "gluoncv/resnest50");
  CHECK(urls_of(params, "http://mirror/a") == Strings{"http://mirror/a/resnest50-bcfefe1d.zip"});
  const OfficialFile& pth = select_by_name(official_files(), "timm/resnest101e.in1k");
  CHECK(urls_of(pth, "https://mirror/") == Strings{"https://mirror/resnest101-22405ba7.pth"});
  // timm's own, then the same file where the ResNeSt repository has it.
  const std::string github = "https://github.com/";
  CHECK(urls_of(pth, "") ==
        Strings{github + "huggingface/pytorch-image-models/releases/download/v0.1-resnest/"
                         "resnest101-22405ba7.pth",
                github + "zhanghang1989/ResNeSt/releases/download/weights_step1/"
                         "resnest101-22405ba7.pth",
                "https://s3.us-west-1.wasabisys.com/resnest/torch/resnest101-22405ba7.pth"});
  // GluonCV's own host is reported dead.
  CHECK(urls_of(params, "") ==
        Strings{github + "zhanghang1989/ResNeSt/releases/download/weights_step2/"
                         "resnest50-bcfefe1d.zip",
                "https://apache-mxnet.s3-accelerate.dualstack.amazonaws.com/gluon/models/"
                "resnest50-bcfefe1d.zip"});
}

}  // namespace nestor
