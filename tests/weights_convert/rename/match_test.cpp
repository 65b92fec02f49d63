#include "weights_convert/rename/match.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"

namespace nestor {

namespace {

const std::vector<Parameter> kParameters = {{"a", {2}}, {"b", {3}}, {"c", {4}}};

NamedTensor tensor(std::string name, Shape shape, DType dtype = DType::kFloat32) {
  return {name, std::move(name), {dtype, std::move(shape)}};
}

}  // namespace

TEST_CASE("tensors are found in any order", "[rename][convert][cpu]") {
  const std::vector<NamedTensor> tensors = {tensor("c", {4}), tensor("a", {2}, DType::kFloat16),
                                            tensor("b", {3})};
  CHECK(match_parameters(kParameters, tensors, "f", "net") == std::vector<std::size_t>{1, 2, 0});
}

TEST_CASE("every tensor that does not fit is listed with what was expected and found",
          "[rename][convert][cpu]") {
  NamedTensor renamed = tensor("c", {5});
  renamed.source_name = "c.old";
  const std::vector<NamedTensor> tensors = {renamed, tensor("a", {2}, DType::kInt64),
                                            tensor("d", {1}), tensor("a", {2})};
  const auto [code, message] =
      test::error_of([&] { match_parameters(kParameters, tensors, "f", "net"); });
  CHECK(code == ErrorCode::kBadModel);
  for (const char* part :
       {"f: not the weights of net: 1 tensors missing, 2 unexpected, 2 misshapen",
        "missing    b: expected [3], found nothing",
        "unexpected d: expected nothing, found float32 [1]",
        "twice      a: expected one, found another one",
        "misshapen  a: expected [2], found int64 [2]",
        "misshapen  c (in the file: c.old): expected [4], found float32 [5]"}) {
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  }
}

}  // namespace nestor
