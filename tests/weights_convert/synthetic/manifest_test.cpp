#include "weights_convert/synthetic/manifest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

ConversionOptions options() {
  ConversionOptions result;
  result.network = "resnest14";
  return result;
}

// A manifest of the network with one rule for all, and no stored values but fc.bias.
std::string manifest_of(std::string_view rule) {
  std::string text = R"({"network": "resnest14", "salt": "s", "parameters": [)";
  for (const Parameter& parameter : parameters(*find_network("resnest14"), {})) {
    text += fmt::format(R"({{"name": "{}", "shape": [{}], "rule": "{}"}},)", parameter.name,
                        fmt::join(parameter.shape.dims(), ","),
                        parameter.name == "fc.bias" ? "stored" : rule);
  }
  return text + R"({"name": "anchors", "shape": [2], "rule": "constant"}]})";
}

std::string stats_of(std::int64_t length) {
  return safetensors_file(
      fmt::format(R"({{"fc.bias":{{"dtype":"F32","shape":[{}],"data_offsets":[0,{}]}}}})", length,
                  4 * length),
      floats(std::vector<float>(static_cast<std::size_t>(length), 7)));
}

}  // namespace

TEST_CASE("a manifest's model has the values of its rules and the stored ones",
          "[synthetic][convert][cpu]") {
  const TemporaryFolder folder;
  const auto manifest = folder.write("m.json", manifest_of("beta"));
  const auto stats = folder.write("s.safetensors", stats_of(1000));
  const auto output = folder.path() / "model";
  CHECK(convert_manifest(manifest, stats, output, options()).num_tensors == 129);
  const WeightFile model = WeightFile::open(output);
  CHECK(model.metadata().at("nestor.synthetic") == "true");
  CHECK(model.metadata().at("nestor.source") == "synthetic");
  float value = 0;
  std::memcpy(&value, model.find("fc.bias")->data.data(), sizeof(value));
  CHECK(value == 7);
}

TEST_CASE("manifests that are malformed or do not fit are refused", "[synthetic][convert][cpu]") {
  const TemporaryFolder folder;
  const auto good_stats = folder.write("s.safetensors", stats_of(1000));
  const auto code = [&](const std::string& manifest, const std::filesystem::path& stats) {
    const auto path = folder.write("m.json", manifest);
    return error_of([&] { convert_manifest(path, stats, folder.path() / "model", options()); })
        .first;
  };
  CHECK(code(manifest_of("magic"), good_stats) == ErrorCode::kBadModel);
  CHECK(code(manifest_of("uniform"), good_stats) == ErrorCode::kBadModel);
  CHECK(code("{", good_stats) == ErrorCode::kBadModel);
  CHECK(code("[]", good_stats) == ErrorCode::kBadModel);
  CHECK(code(R"({"parameters": []})", good_stats) == ErrorCode::kBadModel);
  CHECK(code(R"({"parameters": [{"name": "a", "shape": [-1], "rule": "one"}]})", good_stats) ==
        ErrorCode::kBadModel);
  CHECK(code(manifest_of("one"), folder.write("t.safetensors", stats_of(10))) ==
        ErrorCode::kBadModel);
  CHECK(code(manifest_of("one"), folder.path() / "none") == ErrorCode::kBadInput);
}

}  // namespace nestor::test
