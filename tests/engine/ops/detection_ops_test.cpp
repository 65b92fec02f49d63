// What detectors compute between their convolutions: upsample_add, anchor_rows, proposals,
// roi_align, detections.

#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <limits>

#include "engine/ops/anchor_rows/anchor_rows.h"
#include "engine/ops/detections/detections.h"
#include "engine/ops/proposals/proposals.h"
#include "engine/ops/roi_align/roi_align.h"
#include "engine/ops/upsample_add/upsample_add.h"
#include "nestor/error.h"
#include "tests/support/op_runner.h"
#include "tests/support/random.h"

namespace nestor {

namespace {

using test::Problem;

Graph upsample_add_graph(const Problem& p) {
  GraphBuilder b;
  const std::int64_t n = p.number("n"), c = p.number("c"), h = p.number("h"), w = p.number("w");
  const ValueId lateral = b.input("lateral", {DType::kFloat32, {n, c, h, w}});
  const ValueId coarse = b.input("coarse", {DType::kFloat32, {n, c, (h + 1) / 2, (w + 1) / 2}});
  b.output("dst", upsample_add(b, lateral, coarse, "sum"));
  return b.finish();
}

// Two levels with k numbers of each of three anchors.
Graph anchor_rows_graph(const Problem& p) {
  GraphBuilder b;
  const std::int64_t n = p.number("n"), h = p.number("h"), w = p.number("w"), k = p.number("k");
  const std::array<ValueId, 2> levels{
      b.input("fine", {DType::kFloat32, {n, 3 * k, h, w}}),
      b.input("coarse", {DType::kFloat32, {n, 3 * k, (h + 1) / 2, (w + 1) / 2}})};
  b.output("dst", anchor_rows(b, levels, "rows", {.width = k}));
  return b.finish();
}

constexpr const char* kUpsampleProblems[] = {"n1_c16_h1_w1", "n2_c32_h7_w9",  "n1_c8_h6_w4",
                                             "n3_c16_h2_w5", "n1_c24_h13_w1", "n1_c3_h4_w4"};
constexpr const char* kRowsProblems[] = {"n1_h1_w1_k1", "n2_h5_w7_k1", "n2_h5_w7_k4",
                                         "n1_h2_w3_k11"};

// Three levels of an input of 16 h x 16 w pixels.
ProposalsParams proposals_params(const Problem& p) {
  const std::int64_t h = p.number("h"), w = p.number("w");
  return {.levels = {{16, h, w}, {32, (h + 1) / 2, (w + 1) / 2}, {64, (h + 3) / 4, (w + 3) / 4}},
          .height = 16 * h,
          .width = 16 * w,
          .pre_nms = p.number("k"),
          .post_nms = p.number("rois")};
}

Graph proposals_graph(const Problem& p) {
  GraphBuilder b;
  const ProposalsParams params = proposals_params(p);
  const std::int64_t n = p.number("n"), anchors = num_anchors(params.levels);
  const ValueId logits = b.input("logits", {DType::kFloat32, {n, anchors, 1}});
  const ValueId deltas = b.input("deltas", {DType::kFloat32, {n, anchors, 4}});
  b.output("boxes", proposals(b, logits, deltas, "proposals", params).boxes);
  return b.finish();
}

std::vector<float> stepped(std::size_t count, std::uint64_t seed, float low, float high,
                           int steps) {
  test::Random random(seed);
  std::vector<float> values;
  for (std::size_t i = 0; i < count; ++i) {
    values.push_back(low + (high - low) * static_cast<float>(random.integer(0, steps)) /
                               static_cast<float>(steps));
  }
  return values;
}

std::size_t size_of(const Graph& graph, std::size_t input) {
  return static_cast<std::size_t>(
      graph.desc(graph.nodes.back().inputs[input]).shape.num_elements());
}

void check_proposals(const char* text, std::vector<float> logits, std::vector<float> deltas) {
  const Problem problem(text);
  test::run_variants(proposals_graph(problem), problem,
                     {{"logits", std::move(logits)}, {"deltas", std::move(deltas)}});
}

// Boxes of all sizes in and around an image of 640 x 640 pixels, some of them without area.
std::vector<float> random_boxes(std::int64_t count, std::uint64_t seed) {
  test::Random random(seed);
  std::vector<float> boxes;
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = random.uniform(-40, 600), y = random.uniform(-40, 600);
    const float side = std::exp(random.uniform(0, 7));
    const bool empty = random.integer(0, 7) == 0;
    boxes.insert(boxes.end(), {x, y, x + (empty ? 0 : side * random.uniform(0.5F, 2)),
                               y + (empty ? 0 : side * random.uniform(0.5F, 2))});
  }
  return boxes;
}

Graph roi_align_graph(const Problem& p) {
  GraphBuilder b;
  const std::int64_t n = p.number("n"), c = p.number("c");
  RoiAlignParams params{.bins_h = p.number("bins", 7), .bins_w = 7};
  const ValueId boxes = b.input("boxes", {DType::kFloat32, {n, p.number("rois"), 4}});
  const ValueId count = b.input("count", {DType::kInt32, {n}});
  std::vector<ValueId> levels;
  for (int i = 0; i < p.number("k", 4); ++i) {
    params.strides.push_back(4 << i);
    const std::int64_t side = 160 >> i;
    levels.push_back(
        b.input("P" + std::to_string(i + 2), {DType::kFloat32, {n, c, side, side + i}}));
  }
  b.output("dst", roi_align(b, boxes, count, levels, "pooled", params));
  return b.finish();
}

Graph detections_graph(const Problem& p) {
  GraphBuilder b;
  const std::int64_t n = p.number("n"), rois = p.number("rois"), k = p.number("k");
  const ValueId boxes = b.input("boxes", {DType::kFloat32, {n, rois, 4}});  // first: n images
  const ValueId logits = b.input("logits", {DType::kFloat32, {n * rois, k + 1}});
  const ValueId deltas = b.input("deltas", {DType::kFloat32, {n * rois, 4 * k}});
  const ValueId count = b.input("count", {DType::kInt32, {n}});
  const DetectionsParams params{.score_threshold = static_cast<float>(p.number("p", 0)) / 100,
                                .max_detections = p.number("st", -1)};
  b.output("boxes", detections(b, logits, deltas, boxes, count, "found", params).boxes);
  return b.finish();
}

// The oracle's count of each image; `outputs` has room for its outputs.
std::vector<std::int32_t> counts_of(const Graph& graph, const std::vector<TensorView>& inputs) {
  const Node& node = graph.nodes.back();
  std::vector<std::vector<std::byte>> memory;
  std::vector<MutableTensorView> outputs;
  for (const ValueId id : node.outputs) {
    memory.emplace_back(TensorView{graph.desc(id)}.bytes());
    outputs.push_back({graph.desc(id), memory.back().data()});
  }
  node.op->reference(node, inputs, outputs);
  const auto* const counts = outputs.back().as<std::int32_t>();
  return {counts, counts + outputs.back().desc.shape[0]};
}

}  // namespace

TEST_CASE("upsample_add: every variant agrees with the oracle", "[ops][cpu]") {
  test::run_table(upsample_add_op(), upsample_add_graph, kUpsampleProblems);
}

TEST_CASE("anchor_rows: every variant agrees with the oracle", "[ops][cpu]") {
  test::run_table(anchor_rows_op(), anchor_rows_graph, kRowsProblems);
}

TEST_CASE("upsample_add, anchor_rows: in bf16", "[ops][cpu][bf16]") {
  const Problem sum("n2_c32_h7_w9_bf16"), rows("n2_h5_w7_k4_bf16");
  test::run_variants(upsample_add_graph(sum), sum);
  test::run_variants(anchor_rows_graph(rows), rows);
}

TEST_CASE("upsample_add: a coarse map of another size is refused", "[ops][cpu]") {
  GraphBuilder b;
  const ValueId lateral = b.input("lateral", {DType::kFloat32, {1, 8, 5, 4}});
  const ValueId coarse = b.input("coarse", {DType::kFloat32, {1, 8, 2, 2}});
  CHECK_THROWS_AS(upsample_add(b, lateral, coarse, "sum"), Error);
}

TEST_CASE("proposals: every variant agrees with the oracle", "[ops][cpu]") {
  for (const char* const text :
       {"n1_h4_w6_k100_rois40", "n2_h9_w7_k6000_rois1000", "n3_h16_w16_k300_rois33",
        "n1_h1_w1_k5_rois16", "n1_h64_w48_k6000_rois1000"}) {
    const Graph graph = proposals_graph(Problem(text));
    check_proposals(text, test::random_values(size_of(graph, 0), 1, -9, 3),
                    test::random_values(size_of(graph, 1), 2, -0.8F, 0.8F));
    // Thousands of ties, also at the cut.
    check_proposals(text, stepped(size_of(graph, 0), 3, -9, 3, 12),
                    stepped(size_of(graph, 1), 4, -1, 1, 4));
  }
}

TEST_CASE("proposals: all alike, far away, without a score, or saturated", "[ops][cpu]") {
  const char* const text = "n2_h9_w7_k150_rois50";
  const Graph graph = proposals_graph(Problem(text));
  const std::size_t logits = size_of(graph, 0), deltas = size_of(graph, 1);
  const auto all = [](std::size_t count, float value) { return std::vector<float>(count, value); };
  check_proposals(text, all(logits, 0.25F), all(deltas, 0));
  check_proposals(text, all(logits, 200), test::random_values(deltas, 5, -7, 7));
  check_proposals(text, all(logits, -200), all(deltas, 0));   // a score of 0: none
  check_proposals(text, all(logits, 1), all(deltas, 1e30F));  // clipped to the edge
  const std::vector<float> none = all(logits, -200), still = all(deltas, 0);
  CHECK(counts_of(graph, {{graph.desc(graph.nodes[0].inputs[0]), none.data()},
                          {graph.desc(graph.nodes[0].inputs[1]), still.data()}}) ==
        std::vector<std::int32_t>{0, 0});
}

TEST_CASE("proposals: an image with numbers that are not finite has no answer", "[ops][cpu]") {
  const char* const text = "n2_h9_w7_k150_rois50";
  const Graph graph = proposals_graph(Problem(text));
  const auto random = [&](std::size_t input) {
    return test::random_values(size_of(graph, input), 6 + input);
  };
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> logits = random(0), deltas = random(1);
    logits[logits.size() - 3] = bad;  // of the second image
    check_proposals(text, logits, random(1));
    CHECK(counts_of(graph, {{graph.desc(graph.nodes[0].inputs[0]), logits.data()},
                            {graph.desc(graph.nodes[0].inputs[1]), deltas.data()}})[1] == -1);
    for (std::size_t i = 0; i < deltas.size() / 2; ++i) deltas[i] = bad;
    check_proposals(text, random(0), deltas);
  }
}

TEST_CASE("roi_align: every variant agrees with the oracle", "[ops][cpu]") {
  for (const char* const text : {"n1_c16_rois40", "n2_c32_rois25", "n1_c8_rois17_bins14",
                                 "n3_c16_rois9_k1", "n1_c3_rois5"}) {
    const Problem problem(text);
    const Graph graph = roi_align_graph(problem);
    const std::int64_t n = problem.number("n"), rois = problem.number("rois");
    std::vector<float> counts;
    for (std::int64_t i = 0; i < n; ++i) counts.push_back(static_cast<float>(rois - 4 * i));
    test::run_variants(graph, problem, {{"boxes", random_boxes(n * rois, 8)}, {"count", counts}});
  }
}

TEST_CASE("roi_align: in bf16, and with nothing to pool", "[ops][cpu][bf16]") {
  const Problem problem("n3_c32_rois8_bf16");
  test::run_variants(roi_align_graph(problem), problem,
                     {{"boxes", random_boxes(24, 9)}, {"count", {8, 0, -1}}});
}

TEST_CASE("roi_align: points outside count as 0, and those on the edge stay on it", "[ops][cpu]") {
  CHECK(sample_at(-1.01F, 8).low_weight == 0);
  CHECK(sample_at(8.01F, 8).low_weight == 0);
  const RoiSample left = sample_at(-0.5F, 8);
  CHECK(left.low == 0);
  CHECK(left.low_weight == 1);
  const RoiSample right = sample_at(7.5F, 8);
  CHECK(right.low == 7);
  CHECK(right.high == 7);
  CHECK(right.low_weight == 1);
  const RoiSample between = sample_at(2.25F, 8);
  CHECK(between.low == 2);
  CHECK(between.low_weight == 0.75F);
  CHECK(between.high_weight == 0.25F);
}

TEST_CASE("detections: every variant agrees with the oracle", "[ops][cpu]") {
  for (const char* const text : {"n1_rois40_k3", "n2_rois130_k7_p20", "n3_rois17_k1_st5",
                                 "n1_rois1_k80", "n2_rois60_k10_st1000"}) {
    const Problem problem(text);
    const Graph graph = detections_graph(problem);
    const std::int64_t n = problem.number("n"), rois = problem.number("rois");
    std::vector<float> counts(static_cast<std::size_t>(n), static_cast<float>(rois));
    counts.back() = static_cast<float>(rois / 2 + 1);
    test::GivenInputs given{{"logits", test::random_values(size_of(graph, 0), 10, -4, 4)},
                            {"deltas", test::random_values(size_of(graph, 1), 11, -2, 2)},
                            {"boxes", random_boxes(n * rois, 12)},
                            {"count", counts}};
    test::run_variants(graph, problem, given);
    // Ties of scores within and between classes, and boxes that are all equal.
    given["logits"] = stepped(size_of(graph, 0), 13, -1, 1, 2);
    test::run_variants(graph, problem, given);
    std::vector<float>& boxes = given["boxes"];
    for (std::size_t i = 4; i < boxes.size(); ++i) boxes[i] = boxes[i % 4];
    given["deltas"].assign(size_of(graph, 1), 0);
    test::run_variants(graph, problem, given);
  }
}

TEST_CASE("detections: no regions, and regions without an answer", "[ops][cpu]") {
  const Problem problem("n3_rois12_k4");
  const Graph graph = detections_graph(problem);
  test::GivenInputs given{{"logits", test::random_values(size_of(graph, 0), 14, -2, 2)},
                          {"deltas", test::random_values(size_of(graph, 1), 15)},
                          {"boxes", random_boxes(36, 16)},
                          {"count", {12, 0, -1}}};
  test::run_variants(graph, problem, given);
  given["logits"][7] = std::numeric_limits<float>::quiet_NaN();
  test::run_variants(graph, problem, given);
  given["logits"][7] = 0;
  given["deltas"].assign(given["deltas"].size(), std::numeric_limits<float>::infinity());
  test::run_variants(graph, problem, given);
}

}  // namespace nestor
