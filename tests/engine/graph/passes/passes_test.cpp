#include <fmt/format.h>

#include <catch2/catch.hpp>

#include "engine/graph/builder.h"
#include "engine/graph/passes/pass.h"
#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "engine/ops/split_attention/split_attention.h"
#include "engine/ops/swish/swish.h"
#include "tests/support/compare.h"
#include "tests/support/interpreter.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Names = std::vector<std::string>;

// "name operator" of each node, with the parameters where it is a convolution or split attention.
Names nodes_of(const Graph& graph) {
  Names result;
  for (const Node& node : graph.nodes) {
    const bool detailed = node.op == &convolution_op() || node.op == &split_attention_op();
    result.push_back(
        detailed ? fmt::format("{} {} {}", node.name, node.op->name, node.op->describe(node))
                 : fmt::format("{} {}", node.name, node.op->name));
  }
  return result;
}

// A residual block: conv1 + bn1 + relu, conv2 + bn2, shortcut from the input or from its own conv.
Graph residual_block(bool projected) {
  GraphBuilder builder;
  const ValueId src = builder.input("input", {DType::kFloat32, {1, 4, 5, 5}});
  const ConvolutionSpec same{.channels = 4, .kernel = 3, .pad = 1};
  ValueId x = batch_norm(builder, convolution(builder, src, "conv1", same), "bn1");
  x = relu(builder, x, "relu1");
  x = batch_norm(builder, convolution(builder, x, "conv2", same), "bn2");
  ValueId skip = src;
  if (projected) {
    skip = batch_norm(builder, convolution(builder, src, "down", {.channels = 4}), "down_bn");
  }
  builder.output("y", relu(builder, add(builder, x, skip, "sum"), "relu2"));
  return builder.finish();
}

struct BlockOptions {
  int radix = 2;
  int cardinality = 1;
  int avd_stride = 0;        // 0: no pool
  int other_radix = 0;       // of the attention_sum; 0: the same
  int pooled_radix = 0;      // of the radix_sum; 0: the same
  bool exclude_pad = false;  // a pool that is not the AVD pool
};

Graph attention_block(const BlockOptions& o) {
  GraphBuilder builder;
  const std::int64_t width = 16;
  const ValueId src = builder.input("input", {DType::kFloat32, {2, width, 5, 7}});
  const ConvolutionSpec conv{
      .channels = width * o.radix, .kernel = 3, .pad = 1, .groups = o.radix * o.cardinality};
  ValueId splits = batch_norm(builder, convolution(builder, src, "conv", conv), "bn");
  splits = relu(builder, splits, "relu");
  const ValueId sum = o.radix > 1 ? radix_sum(builder, splits, "radix_sum",
                                              {o.pooled_radix > 0 ? o.pooled_radix : o.radix})
                                  : splits;
  ConvolutionSpec fc{.channels = 8, .groups = o.cardinality, .bias = true};
  ValueId x = global_average_pool(builder, sum, "gap");
  x = batch_norm(builder, convolution(builder, x, "fc1", fc), "bn1");
  x = relu(builder, x, "relu1");
  fc.channels = width * o.radix;
  x = convolution(builder, x, "fc2", fc);
  x = r_softmax(builder, x, "attention", {o.radix, o.cardinality});
  x = attention_sum(builder, splits, x, "out", {o.other_radix > 0 ? o.other_radix : o.radix});
  if (o.avd_stride > 0) {
    x = pooling(builder, x, "avd",
                {.kind = PoolingParams::Kind::kAverage,
                 .kernel = 3,
                 .stride = o.avd_stride,
                 .pad = 1,
                 .count_include_pad = !o.exclude_pad});
  }
  builder.output("y", x);
  return builder.finish();
}

Graph tapped(Graph graph, const std::vector<std::string>& names) {
  return with_taps(std::move(graph), names);
}

const Names kFoldedConstants{
    "conv+bn.weight fold_batch_norm_weight", "conv+bn.bias fold_batch_norm_bias",
    "fc1+bn1.weight fold_batch_norm_weight", "fc1+bn1.bias fold_batch_norm_bias"};

Names after_constants(Names rest) {
  Names all = kFoldedConstants;
  all.insert(all.end(), rest.begin(), rest.end());
  return all;
}

// Both graphs compute the same from the same weights.
void check_same_results(const Graph& before, const Graph& after) {
  const WeightStore store(test::weight_file(before, 7));
  const TensorDesc& desc = before.desc(before.inputs[0]);
  const std::vector<float> data =
      test::random_values(static_cast<std::size_t>(desc.shape.num_elements()), 8);
  const TensorView input{desc, data.data()};
  const auto expected = test::interpret(before, store, input);
  const auto got = test::interpret(after, store, input);
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK(got[i].name == expected[i].name);
    CHECK(got[i].desc == expected[i].desc);
    CHECK(test::mismatch(got[i].data, expected[i].data, expected[i].desc.shape,
                         test::tolerance(DType::kFloat32), got[i].name) == "");
  }
}

}  // namespace

TEST_CASE("fold_batch_norm: into the convolution before it, as constants", "[passes][cpu]") {
  const Graph before = residual_block(false);
  CHECK(nodes_of(before) == Names{"conv1 convolution s1 p1", "bn1 batch_norm", "relu1 relu",
                                  "conv2 convolution s1 p1", "bn2 batch_norm", "sum add",
                                  "relu2 relu"});
  const Graph after = fold_batch_norm(before);
  CHECK(nodes_of(after) ==
        Names{"conv1+bn1.weight fold_batch_norm_weight", "conv1+bn1.bias fold_batch_norm_bias",
              "conv2+bn2.weight fold_batch_norm_weight", "conv2+bn2.bias fold_batch_norm_bias",
              "conv1 convolution s1 p1 +bias", "relu1 relu", "conv2 convolution s1 p1 +bias",
              "sum add", "relu2 relu"});
  for (std::size_t i = 0; i < 4; ++i) CHECK(is_constant(after.value(after.nodes[i].outputs[0])));
  check_same_results(before, after);
}

TEST_CASE("fold_batch_norm: not where the convolution's own result is wanted", "[passes][cpu]") {
  const Graph before = tapped(residual_block(false), {"conv1"});
  const Graph after = fold_batch_norm(before);
  CHECK(nodes_of(after)[2] == "conv1 convolution s1 p1");
  CHECK(nodes_of(after)[3] == "bn1 batch_norm");
  check_same_results(before, after);
}

TEST_CASE("fuse_residual: in the place of the add, whose shortcut comes later", "[passes][cpu]") {
  const Graph before = fold_batch_norm(residual_block(true));
  const Graph after = fuse_residual(before);
  const Names nodes = nodes_of(after);
  CHECK(Names(nodes.begin() + 6, nodes.end()) ==
        Names{"conv1 convolution s1 p1 +bias", "relu1 relu", "down convolution s1 p0 +bias",
              "conv2 convolution s1 p1 +bias +residual", "relu2 relu"});
  check_same_results(before, after);
}

TEST_CASE("fuse_residual: not where the branch is wanted, nor a sum of one value with itself",
          "[passes][cpu]") {
  const Graph before = fold_batch_norm(tapped(residual_block(false), {"bn2"}));
  CHECK(nodes_of(fuse_residual(before)) == nodes_of(before));
  GraphBuilder builder;
  const ValueId x = builder.input("input", {DType::kFloat32, {1, 4, 2, 2}});
  const ValueId y = convolution(builder, x, "conv", {.channels = 4});
  builder.output("y", add(builder, y, y, "twice"));
  const Graph twice = builder.finish();
  CHECK(nodes_of(fuse_residual(twice)) == Names{"conv convolution s1 p0", "twice add"});
}

TEST_CASE("fuse_relu: ends the convolution", "[passes][cpu]") {
  const Graph before = fuse_residual(fold_batch_norm(residual_block(false)));
  const Graph after = fuse_relu(before);
  const Names nodes = nodes_of(after);
  CHECK(
      Names(nodes.begin() + 4, nodes.end()) ==
      Names{"conv1 convolution s1 p1 +bias relu", "conv2 convolution s1 p1 +bias +residual relu"});
  check_same_results(before, after);
}

TEST_CASE("fuse_swish: ends a convolution that has no activation yet", "[passes][cpu]") {
  GraphBuilder builder;
  const ValueId x = builder.input("x", {DType::kFloat32, {1, 4, 5, 5}});
  const ValueId one = swish(builder, convolution(builder, x, "conv1", {.channels = 4}), "swish1");
  ValueId two = relu(builder, convolution(builder, one, "conv2", {.channels = 4}), "relu2");
  two = swish(builder, two, "swish2");
  builder.output("y", relu(builder, add(builder, one, two, "sum"), "relu3"));
  CHECK(nodes_of(fuse_relu(fuse_swish(fuse_residual(fuse_relu(builder.finish()))))) ==
        Names{"conv1 convolution s1 p0 swish", "conv2 convolution s1 p0 relu", "swish2 swish",
              "sum add", "relu3 relu"});
}

TEST_CASE("fuse_relu and fuse_residual: a convolution that has its ReLU takes no residual",
          "[passes][cpu]") {
  GraphBuilder builder;
  const ValueId x = builder.input("input", {DType::kFloat32, {1, 4, 2, 2}});
  const ValueId y = relu(builder, convolution(builder, x, "conv", {.channels = 4}), "relu");
  builder.output("y", add(builder, y, x, "sum"));
  const Graph before = builder.finish();
  const Graph after = apply_passes(before);
  CHECK(nodes_of(after) == Names{"conv convolution s1 p0 relu", "sum add"});
  CHECK(nodes_of(fuse_residual(after)) == nodes_of(after));
  check_same_results(before, after);
}

TEST_CASE("fuse_split_attention: all between the grouped convolution and conv3", "[passes][cpu]") {
  const std::pair<BlockOptions, const char*> rows[] = {
      {{}, "out split_attention radix 2 cardinality 1"},
      {{.radix = 1}, "out split_attention radix 1 cardinality 1"},
      {{.radix = 4, .cardinality = 2, .avd_stride = 2},
       "out split_attention radix 4 cardinality 2 +avd s2"},
      {{.radix = 1, .cardinality = 4, .avd_stride = 1},
       "out split_attention radix 1 cardinality 4 +avd s1"}};
  for (const auto& [options, fused] : rows) {
    const Graph before = attention_block(options);
    const Graph after = apply_passes(before);
    const int groups = options.radix * options.cardinality;
    CHECK(nodes_of(after) ==
          after_constants({fmt::format("conv convolution s1 p1{} +bias relu",
                                       groups > 1 ? fmt::format(" g{}", groups) : ""),
                           fused}));
    check_same_results(before, after);
  }
}

TEST_CASE("fuse_split_attention: taps split the block, and it computes the same", "[passes][cpu]") {
  const BlockOptions options{.radix = 2, .cardinality = 2, .avd_stride = 2};
  const Names tail{"conv convolution s1 p1 g4 +bias relu",
                   "radix_sum radix_sum",
                   "gap global_average_pool",
                   "fc1 convolution s1 p0 g2 +bias relu",
                   "fc2 convolution s1 p0 g2 +bias",
                   "attention r_softmax",
                   "out attention_sum",
                   "avd pooling"};
  for (const char* const tap : {"attention", "gap", "fc2", "relu1", "radix_sum"}) {
    const Graph before = tapped(attention_block(options), {tap});
    const Graph after = apply_passes(before);
    CHECK(nodes_of(after) == after_constants(tail));
    check_same_results(before, after);
  }
  const Graph before = tapped(attention_block(options), {"out"});
  const Graph after = apply_passes(before);
  CHECK(nodes_of(after) ==
        after_constants({"conv convolution s1 p1 g4 +bias relu",
                         "out split_attention radix 2 cardinality 2", "avd pooling"}));
  check_same_results(before, after);
}

TEST_CASE("fuse_split_attention: what only looks alike is left alone", "[passes][cpu]") {
  SECTION("a pool that does not count its padding") {
    const Graph before = attention_block({.avd_stride = 2, .exclude_pad = true});
    const Graph after = apply_passes(before);
    CHECK(nodes_of(after).back() == "avd pooling");
    CHECK(nodes_of(after)[5] == "out split_attention radix 2 cardinality 1");
    check_same_results(before, after);
  }
  SECTION("pooled sums over another number of splits than the softmax") {
    const Graph before = attention_block({.radix = 2, .pooled_radix = 4});
    const Graph after = apply_passes(before);
    CHECK(nodes_of(after).back() == "out attention_sum");
    check_same_results(before, after);
  }
  SECTION("a sum over another number of splits than the softmax") {
    const Graph before = attention_block({.radix = 2, .other_radix = 4});
    const Graph after = apply_passes(before);
    CHECK(nodes_of(after).back() == "out attention_sum");
    check_same_results(before, after);
  }
}

TEST_CASE("remove_dead_nodes: drops what nobody reads, whole chains of it", "[passes][cpu]") {
  GraphBuilder builder;
  const ValueId x = builder.input("input", {DType::kFloat32, {1, 4, 2, 2}});
  const ValueId kept = relu(builder, x, "kept");
  relu(builder, relu(builder, x, "dead1"), "dead2");
  builder.output("y", kept);
  CHECK(nodes_of(remove_dead_nodes(builder.finish())) == Names{"kept relu"});
}

TEST_CASE("apply_passes: in the order of the list, showing the graph after each", "[passes][cpu]") {
  Names seen;
  apply_passes(residual_block(true),
               [&](const Pass& pass, const Graph&) { seen.emplace_back(pass.name); });
  CHECK(seen == Names{"fold_batch_norm", "fuse_residual", "fuse_relu", "fuse_swish",
                      "split_projection", "crop_filters", "fuse_split_attention",
                      "remove_dead_nodes"});
}

}  // namespace nestor
