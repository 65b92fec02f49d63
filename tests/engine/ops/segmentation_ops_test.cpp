// Operators of segmenters: resize_bilinear, class_map, image_bias, weight_slice.

#include <array>
#include <catch2/catch.hpp>
#include <limits>

#include "engine/ops/class_map/class_map.h"
#include "engine/ops/image_bias/image_bias.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "engine/ops/weight_slice/weight_slice.h"
#include "nestor/error.h"
#include "tests/support/op_runner.h"

namespace nestor {

namespace {

TensorDesc src_desc(const test::Problem& p) {
  return {DType::kFloat32, {p.number("n", 1), p.number("c"), p.number("h"), p.number("w")}};
}

ResizeBilinearParams to_size(const test::Problem& p) {
  return {p.number("height"), p.number("width")};
}

Graph resize_graph(const test::Problem& p) {
  GraphBuilder b;
  b.output("dst", resize_bilinear(b, b.input("src", src_desc(p)), "resize", to_size(p)));
  return b.finish();
}

Graph class_map_graph(const test::Problem& p) {
  GraphBuilder b;
  b.output("dst", class_map(b, b.input("src", src_desc(p)), "classes", to_size(p)));
  return b.finish();
}

Graph image_bias_graph(const test::Problem& p) {
  GraphBuilder b;
  const TensorDesc src = src_desc(p);
  const ValueId map = b.input("src", src);
  const ValueId bias = b.input("bias", {DType::kFloat32, {src.shape[0], src.shape[1], 1, 1}});
  b.output("dst", b.add(image_bias_op(), {}, {map, bias}, "image_bias"));
  return b.finish();
}

constexpr const char* kResizes[] = {
    "n2_c3_h9_w13_height65_width97",  "n1_c17_h1_w1_height7_width5", "n1_c2_h1_w7_height1_width20",
    "n1_c3_h7_w1_height13_width9",    "n1_c3_h5_w9_height1_width1",  "n3_c5_h6_w5_height6_width5",
    "n1_c4_h31_w47_height16_width15",
};

// Classes around a block and a byte.
constexpr const char* kClassMaps[] = {
    "n2_c150_h9_w13_height65_width97", "n1_c1_h3_w3_height5_width4",
    "n1_c7_h4_w5_height13_width9",     "n1_c8_h4_w5_height13_width9",
    "n1_c9_h4_w5_height13_width9",     "n1_c15_h1_w1_height7_width5",
    "n1_c16_h1_w7_height1_width20",    "n3_c17_h7_w1_height13_width9",
    "n1_c256_h5_w3_height9_width11",   "n1_c257_h5_w3_height9_width11",
    "n2_c11_h24_w24_height47_width53",
};

constexpr const char* kMaps[] = {
    "n2_c64_h7_w9", "n1_c1_h1_w1",  "n3_c7_h3_w5",   "n2_c8_h4_w4",
    "n1_c9_h5_w3",  "n2_c15_h2_w2", "n3_c17_h13_w1", "n2_c31_h3_w3",
};

void check_bf16(test::GraphOf graph, std::span<const char* const> problems) {
  for (const char* const text : problems) {
    const test::Problem problem(std::string(text) + "_bf16");
    test::run_variants(graph(problem), problem);
  }
}

// The oracle's result on one input, of elements of type T.
template <class T>
std::vector<T> by_oracle(const Op& op, std::any params, const Shape& shape,
                         const std::vector<float>& src) {
  const Node node{&op, std::move(params), {}, {}, "op"};
  const TensorDesc desc{DType::kFloat32, shape};
  const TensorDesc dst = op.infer(node, {&desc, 1})[0].desc;
  std::vector<T> result(static_cast<std::size_t>(dst.shape.num_elements()));
  const TensorView view{desc, src.data()};
  const MutableTensorView output{dst, result.data()};
  op.reference(node, {&view, 1}, {&output, 1});
  return result;
}

using Floats = std::vector<float>;
using Bytes = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("resize_bilinear: the oracle gives the results worked out by hand",
          "[ops][cpu][segment]") {
  const Floats pixels{0, 4, 8, 16};
  CHECK(by_oracle<float>(resize_bilinear_op(), ResizeBilinearParams{3, 3}, {1, 1, 2, 2}, pixels) ==
        Floats{0, 2, 4, 4, 7, 10, 8, 12, 16});
  CHECK(by_oracle<float>(resize_bilinear_op(), ResizeBilinearParams{1, 2}, {1, 1, 2, 2}, pixels) ==
        Floats{0, 4});
  CHECK(by_oracle<float>(resize_bilinear_op(), ResizeBilinearParams{2, 3}, {1, 1, 1, 1}, {5}) ==
        Floats(6, 5));
}

TEST_CASE("resize_bilinear: every variant agrees with the oracle", "[ops][cpu][segment]") {
  test::run_table(resize_bilinear_op(), resize_graph, kResizes);
}

TEST_CASE("resize_bilinear: every variant agrees with the oracle in bf16",
          "[ops][cpu][bf16][segment]") {
  check_bf16(resize_graph, kResizes);
}

TEST_CASE("class_map: the first of the largest scores wins", "[ops][cpu][segment]") {
  const Floats scores{1, 0, 3, 2,  // of class 0 at 4 pixels
                      1, 5, 3, 2,  //
                      0, 5, 4, 2};
  CHECK(by_oracle<std::uint8_t>(class_map_op(), ResizeBilinearParams{1, 4}, {1, 3, 1, 4}, scores) ==
        Bytes{0, 1, 2, 0});
  const Floats two{0, 8, 6, 0};  // class 0 grows, class 1 falls
  CHECK(by_oracle<std::uint8_t>(class_map_op(), ResizeBilinearParams{1, 5}, {1, 2, 1, 2}, two) ==
        Bytes{1, 1, 0, 0, 0});
}

TEST_CASE("class_map: more than 256 classes do not fit into bytes", "[ops][cpu][segment]") {
  for (const auto& [classes, dtype] :
       {std::pair<std::int64_t, DType>{256, DType::kUInt8}, {257, DType::kInt32}}) {
    const TensorDesc src{DType::kFloat32, {2, classes, 3, 3}};
    const Node node{&class_map_op(), ResizeBilinearParams{4, 5}, {}, {}, "classes"};
    CHECK(class_map_op().infer(node, {&src, 1})[0].desc == TensorDesc{dtype, {2, 4, 5}});
  }
}

TEST_CASE("class_map: every variant agrees with the oracle", "[ops][cpu][segment]") {
  test::run_table(class_map_op(), class_map_graph, kClassMaps);
}

TEST_CASE("class_map: every variant agrees with the oracle in bf16", "[ops][cpu][bf16][segment]") {
  check_bf16(class_map_graph, kClassMaps);
}

TEST_CASE("image_bias: every variant agrees with the oracle", "[ops][cpu][segment]") {
  test::run_table(image_bias_op(), image_bias_graph, kMaps);
}

TEST_CASE("image_bias: every variant agrees with the oracle in bf16", "[ops][cpu][bf16][segment]") {
  check_bf16(image_bias_graph, kMaps);
}

TEST_CASE("image_bias: a bias for other images or channels is refused", "[ops][cpu][segment]") {
  const Node node{&image_bias_op(), {}, {}, {}, "image_bias"};
  const std::array<TensorDesc, 2> descs{TensorDesc{DType::kFloat32, {2, 8, 4, 4}},
                                        TensorDesc{DType::kFloat32, {1, 8, 1, 1}}};
  CHECK_THROWS_WITH(image_bias_op().infer(node, descs),
                    "image_bias: bias is [1, 8, 1, 1], expected [2, 8, 1, 1]");
}

TEST_CASE("weight_slice: channels and taps of a weight", "[ops][cpu][segment]") {
  Floats weight(2 * 3 * 3 * 3);
  for (std::size_t i = 0; i < weight.size(); ++i) weight[i] = static_cast<float>(i);
  const WeightSliceParams middle{{0, 3}, {1, 1}, {1, 1}};
  CHECK(by_oracle<float>(weight_slice_op(), middle, {2, 3, 3, 3}, weight) ==
        Floats{4, 13, 22, 31, 40, 49});
  const WeightSliceParams last_channel{{2, 1}, {0, 3}, {1, 2}};
  CHECK(by_oracle<float>(weight_slice_op(), last_channel, {2, 3, 3, 3}, weight) ==
        Floats{19, 20, 22, 23, 25, 26, 46, 47, 49, 50, 52, 53});
  const Node node{&weight_slice_op(), WeightSliceParams{{2, 2}, {0, 3}, {0, 3}}, {}, {}, "slice"};
  const TensorDesc desc{DType::kFloat32, {2, 3, 3, 3}};
  CHECK_THROWS_AS(weight_slice_op().infer(node, {&desc, 1}), Error);
}

}  // namespace nestor
