#include "weights_convert/rename/match.h"

#include <fmt/format.h>

#include <algorithm>
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

TEST_CASE("of many mismatches the first are listed", "[rename][convert][cpu]") {
  std::vector<Parameter> many;
  for (int i = 0; i < 500; ++i) many.push_back({fmt::format("p{}", i), {2}});
  const std::string message =
      test::error_of([&] { match_parameters(many, {}, "f", "net"); }).second;
  CHECK_THAT(message, Catch::Contains("500 tensors missing"));
  CHECK_THAT(message, Catch::Contains("and 490 more"));
  CHECK(std::ranges::count(message, '\n') == 11);
}

TEST_CASE("a network's tensors tell the number of its classes", "[rename][convert][cpu]") {
  const std::vector<Parameter> wanted = {{"a", {2}},
                                         {"fc.weight", {10, 4}, /*per_class=*/true},
                                         {"fc.bias", {10}, /*per_class=*/true}};
  const auto classes = [&](std::vector<NamedTensor> tensors) {
    return classes_of(wanted, tensors).value_or(-1);
  };
  const NamedTensor a = tensor("a", {2});
  CHECK(classes({a, tensor("fc.weight", {3, 4}), tensor("fc.bias", {3})}) == 3);
  CHECK(classes({a, tensor("fc.weight", {10, 4}), tensor("fc.bias", {10})}) == 10);
  CHECK(classes({a, tensor("fc.weight", {3, 4}), tensor("fc.bias", {2})}) == -1);
  CHECK(classes({a, tensor("fc.weight", {3, 5}), tensor("fc.bias", {3})}) == -1);
  CHECK(classes({a, tensor("fc.weight", {3, 4}, DType::kInt8), tensor("fc.bias", {3})}) == -1);
  CHECK(classes({tensor("a", {3}), tensor("fc.weight", {3, 4}), tensor("fc.bias", {3})}) == -1);
  CHECK(classes({a, a, tensor("fc.weight", {3, 4}), tensor("fc.bias", {3})}) == -1);
  CHECK(classes({a, tensor("fc.weight", {3, 4})}) == -1);
}

TEST_CASE("optional parameters are all there or none", "[rename][convert][cpu][segment]") {
  const std::vector<Parameter> wanted = {
      {"a", {2}},
      {"head.bias", {10}, /*per_class=*/true},
      {.name = "aux.a", .shape = {2}, .optional = true},
      {.name = "aux.bias", .shape = {10}, .per_class = true, .optional = true}};
  const NamedTensor a = tensor("a", {2}), head = tensor("head.bias", {3});
  const NamedTensor aux = tensor("aux.a", {2});
  CHECK(without_absent(wanted, std::vector{a, head}).size() == 2);
  CHECK(without_absent(wanted, std::vector{a, head, aux}).size() == 4);
  CHECK(classes_of(wanted, std::vector{a, head}) == 3);
  CHECK(classes_of(wanted, std::vector{a, head, aux, tensor("aux.bias", {3})}) == 3);
  CHECK(!classes_of(wanted, std::vector{a, head, aux, tensor("aux.bias", {4})}));
  CHECK(!classes_of(wanted, std::vector{a, head, aux}));
}

}  // namespace nestor
