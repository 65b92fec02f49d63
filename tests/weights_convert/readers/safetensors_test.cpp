#include "weights_convert/readers/safetensors.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

ErrorCode code_of(const std::string& file) {
  const auto [code, message] = error_of([&] { read_safetensors(as_bytes(file), "a.safetensors"); });
  CHECK(message.find("a.safetensors: ") == 0);
  return code;
}

}  // namespace

TEST_CASE("safetensors sources keep names, types and metadata", "[safetensors][convert][cpu]") {
  const std::string bytes = safetensors_file(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F16","shape":[2],"data_offsets":[4,8]},)"
      R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4]}})",
      "12345678");
  const SourceFile file = read_safetensors(as_bytes(bytes), "a.safetensors");
  REQUIRE(file.tensors.size() == 2);
  CHECK(file.tensors[0].name == "a");
  CHECK(file.tensors[1].dtype == DType::kFloat16);
  CHECK(file.metadata.at("format") == "pt");
}

TEST_CASE("safetensors sources cut short at any byte are refused", "[safetensors][convert][cpu]") {
  const std::string whole =
      safetensors_file(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", "12345678");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    INFO("cut after " << length << " bytes");
    CHECK(code_of(whole.substr(0, length)) == ErrorCode::kBadModel);
  }
  CHECK(code_of(whole + "9") == ErrorCode::kBadModel);
}

TEST_CASE("safetensors element types that Nestor has no use for are refused by name",
          "[safetensors][convert][cpu]") {
  const std::string file =
      safetensors_file(R"({"a":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}})", "12");
  const auto [code, message] = error_of([&] { read_safetensors(as_bytes(file), "a.safetensors"); });
  CHECK(code == ErrorCode::kBadModel);
  CHECK(message.find("F8_E4M3") != std::string::npos);
}

}  // namespace nestor::test
