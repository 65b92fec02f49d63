#include "engine/ops/convolution/convolution.h"

#include <catch2/catch.hpp>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/onednn.h"
#include "nestor/error.h"
#include "tests/support/op_runner.h"

namespace nestor {

namespace {

Graph graph_of(const test::Problem& p) {
  const ConvolutionParams params{
      .stride = p.number("st", 1),
      .pad = p.has("same") ? 0 : p.number("p", (p.number("r", 1) - 1) / 2 * p.number("d", 1)),
      .dilation = p.number("d", 1),
      .groups = p.number("g", 1),
      .has_bias = p.has("bias"),
      .has_residual = p.has("residual"),
      .relu = p.has("relu"),
      .swish = p.has("swish"),
      .same = p.has("same")};
  GraphBuilder builder;
  const Shape src{p.number("n", 1), p.number("c"), p.number("h"), p.number("w")};
  const Shape weight{p.number("k"), src[1] / params.groups, p.number("r", 1), p.number("s", 1)};
  std::vector<ValueId> inputs{builder.input("src", {DType::kFloat32, src}),
                              builder.weight("weight", weight)};
  if (params.has_bias) inputs.push_back(builder.weight("bias", {weight[0]}));
  if (params.has_residual) {
    const auto extent = [&](std::size_t axis) {
      return convolved_size(params, src[axis], weight[axis]);
    };
    inputs.push_back(
        builder.input("residual", {DType::kFloat32, {src[0], weight[0], extent(2), extent(3)}}));
  }
  builder.output("dst", builder.add(convolution_op(), params, std::move(inputs), "conv"));
  return builder.finish();
}

// Blocks of 8 and 16 channels: 7, 8, 9; 15, 16, 17; 1; primes. Tiles of pixels likewise.
constexpr const char* kProblems[] = {
    "n1_c3_h33_w47_k32_r3_s3_st2_p1_bias_relu",  // a stem
    "n2_c3_h32_w32_k64_r7_s7_st2_p3_bias_relu",  // ResNet v1b's
    "n2_c64_h14_w14_k64_bias_relu",              // 1x1
    "n1_c64_h13_w11_k256_bias_residual_relu",    // conv3
    "n1_c64_h13_w11_k128_bias_residual",
    "n1_c64_h7_w7_k128_residual_relu",
    "n1_c64_h9_w9_k128_st2_bias",                 // ResNet's shortcut
    "n2_c64_h15_w17_k128_r3_s3_p1_g2_bias_relu",  // radix 2
    "n1_c64_h16_w15_k256_r3_s3_p1_g4_bias_relu",  // radix 4
    "n1_c80_h9_w10_k320_r3_s3_p1_g8_bias_relu",   // 4s2x40d: groups of 10 channels
    "n1_c96_h9_w10_k96_r3_s3_p1_g4_bias_relu",    // 1s4x24d: groups of 24
    "n1_c20_h9_w10_k40_r3_s3_p1_g2_bias_relu",
    "n1_c64_h11_w13_k64_r3_s3_p2_d2_bias_relu",
    "n1_c64_h11_w13_k128_r3_s3_p4_d4_g2_bias_relu",
    "n1_c32_h4_w3_k32_r3_s3_p4_d4_bias",      // the filter reaches over everything
    "n1_c32_h9_w13_k32_r3_s3_d12_bias_relu",  // ASPP's, beyond the rows
    "n2_c32_h25_w33_k16_r3_s3_d24_bias_relu",
    "n1_c32_h13_w9_k32_r3_s3_d12_relu",  // beyond the columns
    "n1_c16_h9_w13_k48_r3_s3_d36_bias",  // beyond both
    "n1_c16_h1_w50_k16_r3_s3_d36_relu",
    "n1_c16_h37_w36_k16_r3_s3_d36",
    "n1_c16_h1_w1_k16_r3_s3_d24_bias",
    "n1_c32_h12_w13_k32_r3_s3_st2_p1",
    "n1_c1_h5_w5_k1_r3_s3_p1",
    "n1_c7_h7_w8_k9_r3_s3_p1_bias",
    "n1_c8_h8_w9_k8_bias",
    "n1_c9_h6_w5_k7_bias_relu",
    "n1_c15_h15_w1_k17_r3_s3_p1_bias",
    "n1_c16_h1_w16_k16_r3_s3_p1_bias",
    "n1_c17_h16_w17_k15_bias",
    "n1_c20_h10_w10_k40_bias",
    "n1_c40_h10_w10_k20_bias_relu",
    "n1_c31_h29_w28_k37_r3_s3_p1_bias_relu",
    "n3_c64_h1_w1_k32_bias_relu",  // fc1 of split attention
    "n3_c128_h1_w1_k80_g4_bias",
    "n1_c512_h2_w2_k64_bias",                     // a long sum
    "n1_c128_h9_w7_k256_r3_s3_p1_g64_bias_relu",  // SENet: groups of 2 channels
    "n2_c256_h9_w8_k512_r3_s3_st2_p1_g64_bias_relu",
    "n1_c512_h5_w7_k1024_r3_s3_p1_g64_bias_relu",
    "n1_c3_h32_w33_k32_r3_s3_st2_same_bias_swish",   // EfficientNet's stem
    "n2_c32_h13_w12_k32_r3_s3_g32_same_bias_swish",  // depthwise
    "n1_c96_h16_w17_k96_r3_s3_st2_g96_same_bias_swish",
    "n2_c144_h17_w16_k144_r5_s5_st2_g144_same_bias_swish",
    "n1_c240_h15_w15_k240_r5_s5_g240_same_bias_swish",
    "n1_c24_h8_w9_k24_r3_s3_g24_same_bias_swish",
    "n1_c23_h6_w8_k23_r5_s5_st2_g23_same_bias",
    "n1_c40_h1_w1_k40_r5_s5_st2_g40_same_bias_swish",
    "n1_c1_h4_w3_k1_r3_s3_st2_same",
    "n1_c17_h7_w6_k16_r4_s2_st3_same_bias_relu",  // filter of even size, another stride
    "n1_c16_h6_w7_k24_st2_same_bias",             // no zeros at all
    "n1_c144_h9_w8_k40_bias_residual",
    "n1_c24_h9_w8_k144_bias_swish",
    "n1_c24_h5_w4_k144_bias_residual_swish",
    "n3_c96_h1_w1_k4_bias_swish",  // squeeze
    "n3_c4_h1_w1_k96_bias",        // excitation
};

constexpr const char* kTilesProblem = "n2_c64_h15_w17_k128_r3_s3_p1_g2_bias_relu_bf16";

constexpr const char* kBFloat16Problems[] = {
    "n1_c3_h33_w47_k32_r3_s3_st2_p1_bias_relu_bf16",
    "n2_c64_h14_w14_k64_bias_relu_bf16",
    "n1_c64_h13_w11_k256_bias_residual_relu_bf16",
    kTilesProblem,
    "n1_c80_h9_w10_k320_r3_s3_p1_g8_bias_relu_bf16",
    "n1_c64_h11_w13_k128_r3_s3_p4_d4_g2_bias_relu_bf16",
    "n1_c17_h16_w17_k15_bias_bf16",
    "n1_c20_h10_w10_k40_bias_residual_relu_bf16",
    "n1_c512_h2_w2_k64_bias_bf16",
    "n2_c256_h9_w8_k512_r3_s3_st2_p1_g64_bias_relu_bf16",
    "n1_c3_h32_w33_k32_r3_s3_st2_same_bias_swish_bf16",
    "n2_c32_h13_w12_k32_r3_s3_g32_same_bias_swish_bf16",
    "n2_c144_h17_w16_k144_r5_s5_st2_g144_same_bias_swish_bf16",
    "n1_c24_h9_w8_k144_bias_swish_bf16",
};

// The oracle of one node on given numbers.
std::vector<float> by_oracle(const ConvolutionParams& params, const TensorDesc& src_desc,
                             const std::vector<float>& src, const Shape& weight_shape,
                             const std::vector<float>& weight) {
  const Node node{&convolution_op(), params, {}, {}, "conv"};
  const TensorDesc weight_desc{DType::kFloat32, weight_shape};
  const std::vector<TensorDesc> descs{src_desc, weight_desc};
  const TensorDesc dst = convolution_op().infer(node, descs)[0].desc;
  std::vector<float> result(static_cast<std::size_t>(dst.shape.num_elements()));
  const std::vector<TensorView> views{{src_desc, src.data()}, {weight_desc, weight.data()}};
  const MutableTensorView output{dst, result.data()};
  convolution_op().reference(node, views, {&output, 1});
  return result;
}

}  // namespace

TEST_CASE("convolution: the oracle gives the results worked out by hand", "[ops][cpu]") {
  const TensorDesc src{DType::kFloat32, {1, 1, 3, 3}};
  const std::vector<float> pixels{1, 2, 3, 4, 5, 6, 7, 8, 9};
  using Numbers = std::vector<float>;
  SECTION("correlation, not convolution with the flipped filter") {
    CHECK(by_oracle({}, src, pixels, {1, 1, 2, 2}, {1, 10, 100, 1000}) ==
          Numbers{5421, 6532, 8754, 9865});
  }
  SECTION("padding and stride") {
    CHECK(by_oracle({.stride = 2, .pad = 1}, src, pixels, {1, 1, 3, 3},
                    {1, 1, 1, 1, 1, 1, 1, 1, 1}) == Numbers{12, 16, 24, 28});
  }
  SECTION("TensorFlow's padding: the odd zero after src, at each axis as it needs") {
    const ConvolutionParams same{.stride = 2, .same = true};
    CHECK(by_oracle(same, {DType::kFloat32, {1, 1, 2, 3}}, {1, 2, 3, 4, 5, 6}, {1, 1, 3, 3},
                    {1, 10, 100, 1000, 10000, 100000, 0, 0, 0}) == Numbers{540210, 65032});
    CHECK(by_oracle(same, {DType::kFloat32, {1, 1, 2, 2}}, {1, 2, 3, 4}, {1, 1, 2, 2},
                    {1, 10, 100, 1000}) == Numbers{4321});
    const std::tuple<int, int, int, int, int> rows[] = {
        // size, taps, stride -> zeros before and after
        {130, 3, 2, 0, 1}, {65, 3, 2, 1, 1}, {130, 5, 2, 1, 2}, {65, 5, 2, 2, 2},
        {9, 5, 1, 2, 2},   {9, 1, 2, 0, 0},  {9, 1, 3, 0, 0},   {1, 5, 2, 2, 2}};
    for (const auto& [size, taps, stride, before, after] : rows) {
      const ConvolutionParams params{.stride = stride, .same = true};
      const Padding zeros = padding(params, size, taps);
      INFO(size << " " << taps << " " << stride);
      CHECK((zeros.before == before && zeros.after == after));
      CHECK(convolved_size(params, size, taps) == (size + stride - 1) / stride);
    }
  }
  SECTION("swish") {
    CHECK(by_oracle({.swish = true}, {DType::kFloat32, {1, 1, 1, 3}}, {0, 100, -1000}, {1, 1, 1, 1},
                    {1}) == Numbers{0, 100, 0});
  }
  SECTION("dilation") {
    CHECK(by_oracle({.dilation = 2}, src, pixels, {1, 1, 2, 2}, {1, 10, 100, 1000}) ==
          Numbers{9731});
  }
  SECTION("a group reads its own channels only") {
    CHECK(by_oracle({.groups = 2}, {DType::kFloat32, {1, 4, 1, 1}}, {1, 2, 3, 4}, {2, 2, 1, 1},
                    {1, 10, 1, 10}) == Numbers{21, 43});
  }
}

TEST_CASE("convolution: what does not fit is an error that names the node", "[ops][cpu]") {
  GraphBuilder builder;
  const ValueId src = builder.input("src", {DType::kFloat32, {1, 6, 4, 4}});
  const auto add = [&](ConvolutionParams params, Shape weight) {
    builder.add(convolution_op(), params, {src, builder.weight("w", std::move(weight))}, "layer9");
  };
  using Catch::Contains;
  CHECK_THROWS_WITH(add({}, {8, 5, 1, 1}),
                    Contains("layer9: src has 6 channels") && Contains("expects 5"));
  CHECK_THROWS_WITH(add({.groups = 4}, {8, 2, 1, 1}), Contains("layer9") && Contains("4 groups"));
  CHECK_THROWS_WITH(add({.groups = 2}, {7, 3, 1, 1}), Contains("layer9"));
  CHECK_THROWS_WITH(add({}, {8, 6, 5, 1}),
                    Contains("layer9: the filter reaches over 5 pixels") && Contains("has 4"));
  CHECK_THROWS_WITH(add({.has_bias = true}, {8, 6, 1, 1}),
                    Contains("layer9: 2 inputs, expected 3"));
}

TEST_CASE("convolution: every CPU variant agrees with the oracle", "[ops][cpu]") {
  std::vector<const char*> problems(std::begin(kProblems), std::end(kProblems));
  if (cpu::has_tiles()) problems.push_back(kTilesProblem);  // of bfloat16 alone
  test::run_table(convolution_op(), graph_of, problems);
}

TEST_CASE("convolution: every CPU variant agrees with the oracle in bf16", "[ops][cpu][bf16]") {
  for (const char* const text : kBFloat16Problems) {
    const test::Problem problem(text);
    test::run_variants(graph_of(problem), problem);
  }
}

TEST_CASE("an unknown forced variant is an error that lists what there is", "[ops][cpu]") {
  const test::Problem problem("n1_c16_h4_w4_k16");
  const Graph graph = graph_of(problem);
  CpuBackend backend;
  const std::vector<BufferFormat> available(2);
  const auto choose = [&](std::string_view variant) {
    return backend.choose({.graph = graph,
                           .node = graph.nodes[0],
                           .available = available,
                           .precision = Precision::kFp32,
                           .threads = 1,
                           .forced_variant = variant});
  };
  using Catch::Contains;
  CHECK_THROWS_WITH(choose("onednn_bocked"), Contains("conv: convolution has no variant") &&
                                                 Contains("onednn_blocked, ") &&
                                                 Contains("onednn_plain"));
  CHECK(choose("onednn_plain").kernel != nullptr);
}

}  // namespace nestor
