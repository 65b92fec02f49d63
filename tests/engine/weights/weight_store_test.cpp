// What the engine accepts as weights, and that it computes with exactly those numbers.

#include "engine/weights/weight_store.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

// A file of one tensor "w" with `bytes_each` bytes an element. The data begin at an odd address
// where `shift` is 1, as WeightFile does not ask for more.
struct OneTensor {
  OneTensor(std::string_view dtype, int count, const std::string& data, std::size_t shift = 0)
      : bytes(std::string(shift, '\0') +
              safetensors_file(
                  fmt::format(R"({{"w":{{"dtype":"{}","shape":[{}],"data_offsets":[0,{}]}}}})",
                              dtype, count, data.size()),
                  data)),
        store(WeightFile::parse(as_bytes(bytes).subspan(shift), "file")) {}

  std::string bytes;
  WeightStore store;
};

std::string refusal(std::string_view dtype, int bytes_each) {
  const OneTensor file(dtype, 2, std::string(static_cast<std::size_t>(2 * bytes_each), '\0'));
  const auto [code, message] = error_of([&] { file.store.get("w", {2}); });
  CHECK(code == ErrorCode::kBadModel);
  return message;
}

}  // namespace

TEST_CASE("weights: float16 and bfloat16 are widened exactly, at any address", "[weights][cpu]") {
  const std::string half = Bytes().u16(0x0001).u16(0x83FF).u16(0x3555).u16(0x7BFF).str();
  const std::string brain = Bytes().u16(0x0001).u16(0x8040).u16(0x3EAB).u16(0x7F7F).str();
  for (const std::size_t shift : {std::size_t{0}, std::size_t{1}}) {
    const OneTensor of_half("F16", 4, half, shift), of_brain("BF16", 4, brain, shift);
    const TensorView a = of_half.store.get("w", {4}), b = of_brain.store.get("w", {4});
    CHECK(a.desc == TensorDesc{DType::kFloat32, {4}});
    CHECK(std::vector<float>(a.as<float>(), a.as<float>() + 4) ==
          std::vector<float>{0x1p-24F, -0x1.ff8p-15F, 0x1.554p-2F, 65504});
    CHECK(std::vector<float>(b.as<float>(), b.as<float>() + 4) ==
          std::vector<float>{0x1p-133F, -0x1p-127F, 0x1.56p-2F, 0x1.fep127F});
  }
}

TEST_CASE("weights: float32 is read in place where it is aligned, else from a copy",
          "[weights][cpu]") {
  const std::vector<float> values{1.5F, -0x1p-149F};
  for (const std::size_t shift : {std::size_t{0}, std::size_t{1}}) {
    const OneTensor file("F32", 2, floats(values), shift);
    const auto* const got = file.store.get("w", {2}).as<float>();
    CHECK(std::vector<float>(got, got + 2) == values);
  }
}

TEST_CASE("weights: infinities and NaNs stay what they are, as in float32", "[weights][cpu]") {
  const OneTensor file("F16", 3, Bytes().u16(0x7C00).u16(0xFC00).u16(0x7E01).str());
  const auto* const got = file.store.get("w", {3}).as<float>();
  CHECK(got[0] == INFINITY);
  CHECK(got[1] == -INFINITY);
  CHECK(std::isnan(got[2]));
}

TEST_CASE("weights: other element types and shapes are refused by the tensor's name",
          "[weights][cpu]") {
  for (const auto& [dtype, bytes_each] :
       {std::pair("F64", 8), std::pair("I8", 1), std::pair("I32", 4), std::pair("F8_E4M3", 1)}) {
    CHECK(refusal(dtype, bytes_each) ==
          fmt::format("file: tensor w is {} [2], expected F32, F16 or BF16 [2]", dtype));
  }
  const OneTensor file("F16", 2, std::string(4, '\0'));
  CHECK(error_of([&] { file.store.get("w", {3}); }).second ==
        "file: tensor w is F16 [2], expected F32, F16 or BF16 [3]");
  CHECK(error_of([&] { file.store.get("v", {2}); }).second ==
        "file: no tensor v, expected float32 [2]");
}

}  // namespace nestor::test
