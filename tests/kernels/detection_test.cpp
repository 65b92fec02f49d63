// upsample_add, anchor_rows, roi_align, sort_keys, proposals and detections: what detectors compute
// between their convolutions.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cmath>
#include <deque>
#include <limits>
#include <utility>

#include "engine/ops/anchor_rows/anchor_rows.h"
#include "engine/ops/detections/detections.h"
#include "engine/ops/proposals/proposals.h"
#include "engine/ops/roi_align/roi_align.h"
#include "engine/ops/upsample_add/upsample_add.h"
#include "kernels/anchor_rows/anchor_rows.h"
#include "kernels/detections/detections.h"
#include "kernels/proposals/proposals.h"
#include "kernels/roi_align/roi_align.h"
#include "kernels/sort_keys/sort_keys.h"
#include "kernels/upsample_add/upsample_add.h"
#include "tests/kernels/kernel_test.h"
#include "tests/support/random.h"

namespace nestor::test {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// All outputs of an oracle; numbers of int32 tensors are in `ints`.
struct OracleOutputs {
  std::vector<std::vector<float>> floats;
  std::vector<std::vector<std::int32_t>> ints;
};
OracleOutputs outputs_of(const Op& op, const std::any& params,
                         const std::vector<TensorView>& inputs) {
  const Node node{&op, params, {}, {}, "oracle"};
  std::vector<TensorDesc> descs;
  for (const TensorView& input : inputs) descs.push_back(input.desc);
  OracleOutputs result;
  std::vector<MutableTensorView> to;
  const std::vector<OutputDesc> outputs = op.infer(node, descs);
  result.floats.resize(outputs.size());
  result.ints.resize(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto count = static_cast<std::size_t>(outputs[i].desc.shape.num_elements());
    const bool is_float = outputs[i].desc.dtype == DType::kFloat32;
    result.floats[i].resize(is_float ? count : 0);
    result.ints[i].resize(is_float ? 0 : count);
    to.push_back({outputs[i].desc,
                  is_float ? static_cast<void*>(result.floats[i].data()) : result.ints[i].data()});
  }
  op.reference(node, inputs, to);
  return result;
}

void test_upsample_add(const Shape& shape) {
  for (const DeviceDType dtype : kDTypes) {
    const Tensor lateral = random_tensor(shape, 1, dtype);
    const Tensor coarse =
        random_tensor({shape[0], shape[1], (shape[2] + 1) / 2, (shape[3] + 1) / 2}, 2, dtype);
    const Tensor expected = oracle(upsample_add_op(), {}, {lateral, coarse});
    for_each_schedule([&](Device& device) {
      const Array<unsigned char> dst(device, to_nhwc(lateral, dtype));  // in place
      const Array<unsigned char> from(device, to_nhwc(coarse, dtype));
      check(upsample_add({.dtype = dtype,
                          .lateral = dst.data(),
                          .coarse = from.data(),
                          .dst = dst.data(),
                          .n = static_cast<int>(shape[0]),
                          .h = static_cast<int>(shape[2]),
                          .w = static_cast<int>(shape[3]),
                          .c = static_cast<int>(padded(shape[1]))},
                         device.stream()));
      const Tensor got = from_nhwc(dst.values(), shape, dtype);
      CHECK(test::mismatch(got.values, expected.values, shape, tolerance(dtype_of(dtype)),
                           shape.to_string()) == "");
    });
  }
}

// As many levels as said with `width` numbers for each of three anchors.
void test_anchor_rows(std::int64_t n, std::int64_t width, std::size_t num_levels) {
  const std::pair<std::int64_t, std::int64_t> sizes[] = {{5, 7}, {3, 4}, {2, 3}, {1, 2}, {1, 1}};
  for (const DeviceDType dtype : kDTypes) {
    std::vector<Tensor> levels;
    for (std::size_t i = 0; i < num_levels; ++i) {
      levels.push_back(
          random_tensor({n, 3 * width, sizes[i].first, sizes[i].second}, i + 1, dtype));
    }
    const Tensor expected = oracle(anchor_rows_op(), AnchorRowsParams{width}, levels);
    for_each_schedule([&](Device& device) {
      AnchorRowsArgs args{.dtype = dtype,
                          .num_levels = static_cast<int>(num_levels),
                          .n = static_cast<int>(n),
                          .channels = static_cast<int>(3 * width)};
      std::deque<Array<unsigned char>> maps;
      for (std::size_t i = 0; i < num_levels; ++i) {
        args.src[i] = maps.emplace_back(device, to_nhwc(levels[i], dtype)).data();
        args.cells[i] = static_cast<int>(sizes[i].first * sizes[i].second);
      }
      const Array<float> dst(device, std::vector<float>(expected.values.size(), kNan));
      args.dst = dst.data();
      check(anchor_rows(args, device.stream()));
      CHECK(dst.values() == expected.values);
    });
  }
}

// Boxes of all sizes in and around an image of 256 x 256 pixels, some of them without area.
std::vector<float> random_boxes(std::int64_t count, std::uint64_t seed) {
  Random random(seed);
  std::vector<float> boxes;
  for (std::int64_t i = 0; i < count; ++i) {
    const float x = random.uniform(-20, 240), y = random.uniform(-20, 240);
    const float side = random.integer(0, 5) == 0 ? 0 : std::exp(random.uniform(0, 6));
    boxes.insert(boxes.end(),
                 {x, y, x + side * random.uniform(0.5F, 2), y + side * random.uniform(0.5F, 2)});
  }
  return boxes;
}

void test_roi_align(const std::vector<float>& boxes, std::int64_t n, std::int64_t channels,
                    std::vector<std::int32_t> counts, int samples = 2) {
  const RoiAlignParams params{.samples = samples, .strides = {4, 8, 16}};
  const auto rois = static_cast<std::int64_t>(boxes.size()) / 4 / n;
  for (const DeviceDType dtype : kDTypes) {
    std::vector<Tensor> maps;
    for (const std::int64_t side : {64, 32, 16}) {
      maps.push_back(random_tensor({n, channels, side, side + 1}, 4, dtype));
    }
    std::vector<TensorView> inputs{{{DType::kFloat32, {n, rois, 4}}, boxes.data()},
                                   {{DType::kInt32, {n}}, counts.data()}};
    for (const Tensor& map : maps) inputs.push_back(map.view());
    const std::vector<float> expected = outputs_of(roi_align_op(), params, inputs).floats[0];
    const Shape shape{n * rois, channels, 7, 7};
    for_each_schedule([&](Device& device) {
      const Array<float> given(device, boxes);
      const Array<std::int32_t> used(device, counts);
      const Array<unsigned char> dst(
          device, Memory(padded_elements(shape) * element_bytes(dtype)));  // zeros
      RoiAlignArgs args{.dtype = dtype,
                        .boxes = given.data(),
                        .count = used.data(),
                        .dst = dst.data(),
                        .num_levels = 3,
                        .n = static_cast<int>(n),
                        .rois = static_cast<int>(rois),
                        .c = static_cast<int>(padded(channels)),
                        .bins_h = 7,
                        .bins_w = 7,
                        .samples = samples};
      const Array<unsigned char> memory[] = {{device, to_nhwc(maps[0], dtype)},
                                             {device, to_nhwc(maps[1], dtype)},
                                             {device, to_nhwc(maps[2], dtype)}};
      for (int i = 0; i < 3; ++i) {
        const int side = 64 >> i;
        const double smallest = 224 * (std::exp2(i - 2) - 1e-6);
        args.levels[i] = {memory[i].data(), side, side + 1, 0.25F / static_cast<float>(1 << i),
                          smallest * smallest};
      }
      check(roi_align(args, device.stream()));
      const Tensor got = from_nhwc(dst.values(), shape, dtype);
      CHECK(test::mismatch(got.values, expected, shape, tolerance(dtype_of(dtype)), "roi_align") ==
            "");
    });
  }
}

void test_sort(int rows, std::int64_t count, std::int64_t keep) {
  Random random(static_cast<std::uint64_t>(count));
  const std::int64_t stride = sort_stride(count);
  std::vector<unsigned long long> keys(static_cast<std::size_t>(rows * stride), 7);
  std::vector<unsigned long long> expected;
  for (int row = 0; row < rows; ++row) {
    const auto first = keys.begin() + row * stride;
    std::generate_n(first, count, [&] { return random.bits(); });
    if (count > 3) first[2] = first[3] = ~0ull;  // that are no keys
    std::vector<unsigned long long> sorted(first, first + count);
    std::sort(sorted.begin(), sorted.end());
    expected.insert(expected.end(), sorted.begin(), sorted.begin() + keep);
  }
  for_each_schedule([&](Device& device) {
    const Array<unsigned long long> a(device, keys), b(device, keys.size());
    check(sort_keys({a.data(), b.data(), rows, count, keep}, device.stream()));
    const auto got = (sorted_in_other(count) ? b : a).values();
    for (int row = 0; row < rows; ++row) {
      CHECK(std::equal(expected.begin() + row * keep, expected.begin() + (row + 1) * keep,
                       got.begin() + row * stride));
    }
  });
}

// --- proposals ---

ProposalsParams proposals_params(std::int64_t h, std::int64_t w, std::int64_t pre,
                                 std::int64_t post) {
  return {.levels = {{16, h, w}, {32, (h + 1) / 2, (w + 1) / 2}},
          .height = 16 * h,
          .width = 16 * w,
          .pre_nms = pre,
          .post_nms = post};
}

ProposalsArgs proposals_args(const ProposalsParams& p, std::int64_t n) {
  const std::int64_t anchors = num_anchors(p.levels);
  ProposalsArgs args{.num_levels = 2,
                     .n = static_cast<int>(n),
                     .anchors = static_cast<int>(anchors),
                     .pre_nms = static_cast<int>(std::min(p.pre_nms, anchors)),
                     .post_nms = static_cast<int>(p.post_nms),
                     .height = static_cast<float>(p.height),
                     .width = static_cast<float>(p.width),
                     .threshold = p.nms_threshold};
  for (std::size_t i = 0; i < p.levels.size(); ++i) {
    args.levels[i].stride = p.levels[i].stride;
    args.levels[i].height = static_cast<int>(p.levels[i].height);
    args.levels[i].width = static_cast<int>(p.levels[i].width);
    const auto cells = cell_anchors(p.levels[i].stride);
    for (std::size_t k = 0; k < cells.size(); ++k) {
      const float corners[] = {cells[k].x1, cells[k].y1, cells[k].x2, cells[k].y2};
      std::copy_n(corners, 4, args.levels[i].cell[k]);
    }
  }
  return args;
}

void test_proposals(const ProposalsParams& p, std::int64_t n, const std::vector<float>& logits,
                    const std::vector<float>& deltas) {
  const std::int64_t anchors = num_anchors(p.levels);
  const OracleOutputs expected = outputs_of(proposals_op(), p,
                                            {{{DType::kFloat32, {n, anchors, 1}}, logits.data()},
                                             {{DType::kFloat32, {n, anchors, 4}}, deltas.data()}});
  for_each_schedule([&](Device& device) {
    ProposalsArgs args = proposals_args(p, n);
    const Array<float> given(device, logits), moves(device, deltas);
    const Array<float> boxes(device, expected.floats[0].size()),
        scores(device, expected.floats[1].size());
    const Array<std::int32_t> places(device, expected.ints[2].size()),
        count(device, expected.ints[3].size());
    const auto bytes = proposals_workspace(n, anchors, args.pre_nms).bytes;
    const Array<unsigned char> workspace(
        device, std::vector<unsigned char>(static_cast<std::size_t>(bytes), 0xFF));
    args.logits = given.data();
    args.deltas = moves.data();
    args.boxes = boxes.data();
    args.scores = scores.data();
    args.places = places.data();
    args.count = count.data();
    args.workspace = workspace.data();
    check(proposals(args, device.stream()));
    CHECK(count.values() == expected.ints[3]);
    CHECK(places.values() == expected.ints[2]);
    const Shape shape{n, p.post_nms, 4};
    CHECK(test::mismatch(boxes.values(), expected.floats[0], shape, tolerance(DType::kFloat32),
                         "boxes") == "");
    CHECK(test::mismatch(scores.values(), expected.floats[1], {n, p.post_nms},
                         tolerance(DType::kFloat32), "scores") == "");
  });
}

std::vector<float> stepped(std::size_t count, std::uint64_t seed, float low, float step,
                           int steps) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = low + step * static_cast<float>(random.integer(0, steps));
  return values;
}

// --- detections ---

struct Head {
  std::int64_t n, rois, classes;
  std::vector<float> logits, deltas, boxes;
  std::vector<std::int32_t> counts;
};

Head random_head(std::int64_t n, std::int64_t rois, std::int64_t classes) {
  const auto rows = static_cast<std::size_t>(n * rois);
  const auto count = static_cast<std::size_t>(classes);
  Head head{n,
            rois,
            classes,
            random_values(rows * (count + 1), 1, -3, 3),
            random_values(rows * count * 4, 2, -2, 2),
            random_boxes(n * rois, 3),
            {}};
  for (std::int64_t i = 0; i < n; ++i) {
    head.counts.push_back(static_cast<std::int32_t>(rois - 3 * i));
  }
  return head;
}

void test_detections(const Head& head, const DetectionsParams& p) {
  const OracleOutputs expected =
      outputs_of(detections_op(), p,
                 {{{DType::kFloat32, {head.n * head.rois, head.classes + 1}}, head.logits.data()},
                  {{DType::kFloat32, {head.n * head.rois, head.classes * 4}}, head.deltas.data()},
                  {{DType::kFloat32, {head.n, head.rois, 4}}, head.boxes.data()},
                  {{DType::kInt32, {head.n}}, head.counts.data()}});
  const auto most = static_cast<std::int64_t>(expected.ints[2].size()) / head.n;
  for_each_schedule([&](Device& device) {
    const Array<float> logits(device, head.logits), deltas(device, head.deltas),
        proposals(device, head.boxes);
    const Array<std::int32_t> used(device, head.counts);
    const Array<float> boxes(device, expected.floats[0].size()),
        scores(device, expected.floats[1].size());
    const Array<std::int32_t> classes(device, expected.ints[2].size()),
        rois(device, expected.ints[3].size()), count(device, expected.ints[4].size());
    const auto bytes = detections_workspace(head.n, head.rois, head.classes).bytes;
    const Array<unsigned char> workspace(
        device, std::vector<unsigned char>(static_cast<std::size_t>(bytes), 0xFF));
    check(detections({.logits = logits.data(),
                      .deltas = deltas.data(),
                      .proposals = proposals.data(),
                      .used = used.data(),
                      .boxes = boxes.data(),
                      .scores = scores.data(),
                      .classes_of = classes.data(),
                      .rois_of = rois.data(),
                      .count = count.data(),
                      .workspace = workspace.data(),
                      .n = static_cast<int>(head.n),
                      .rois = static_cast<int>(head.rois),
                      .classes = static_cast<int>(head.classes),
                      .most = static_cast<int>(most),
                      .lowest_score = kLowestScore,
                      .score_threshold = p.score_threshold,
                      .nms_threshold = p.nms_threshold,
                      .center_scale = kDetectionScale.center,
                      .size_scale = kDetectionScale.size},
                     device.stream()));
    CHECK(count.values() == expected.ints[4]);
    CHECK(classes.values() == expected.ints[2]);
    CHECK(rois.values() == expected.ints[3]);
    CHECK(test::mismatch(boxes.values(), expected.floats[0], {head.n, most, 4},
                         tolerance(DType::kFloat32), "boxes") == "");
    CHECK(test::mismatch(scores.values(), expected.floats[1], {head.n, most},
                         tolerance(DType::kFloat32), "scores") == "");
  });
}

}  // namespace

TEST_CASE("upsample_add kernel", "[simt][upsample_add]") {
  for (const Shape& shape : {Shape{1, 8, 1, 1}, Shape{2, 64, 7, 9}, Shape{1, 24, 6, 4},
                             Shape{3, 5, 2, 5}, Shape{1, 256, 13, 1}}) {
    test_upsample_add(shape);
  }
  CHECK(upsample_add({.n = 1, .h = 2, .w = 2, .c = 12}, nullptr).code ==
        DeviceCode::kInvalidArgument);
}

TEST_CASE("anchor_rows kernel", "[simt][anchor_rows]") {
  test_anchor_rows(1, 1, 2);
  test_anchor_rows(2, 4, 4);
  test_anchor_rows(1, 8, 5);  // channels in whole chunks
  CHECK(anchor_rows({.num_levels = 0, .n = 1, .channels = 3}, nullptr).code ==
        DeviceCode::kInvalidArgument);
}

TEST_CASE("roi_align kernel", "[simt][roi_align]") {
  test_roi_align(random_boxes(17, 3), 1, 8, {17});
  test_roi_align(random_boxes(18, 3), 2, 40, {9, 4});
  test_roi_align(random_boxes(12, 3), 3, 5, {4, 0, -1});
  test_roi_align(random_boxes(9, 3), 1, 8, {9}, /*samples=*/1);
  test_roi_align(random_boxes(9, 3), 1, 8, {9}, /*samples=*/3);
  // In the corners, and around the image.
  test_roi_align({-3, -3, 9, 9, 248, 248, 262, 262, -500, -500, 700, 700, 255, -2, 256, 0}, 1, 8,
                 {4});
  CHECK(roi_align({.num_levels = 1, .n = 1, .rois = 1, .c = 12, .samples = 2}, nullptr).code ==
        DeviceCode::kInvalidArgument);
}

TEST_CASE("sort_keys kernels", "[simt][sort_keys]") {
  for (const std::int64_t count : {1, 31, 2048, 2049}) test_sort(1, count, count);
  test_sort(2, 5000, 5000);
  test_sort(1, 5000, 1700);
  CHECK(sort_keys({nullptr, nullptr, 1, 10, 11}, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("proposals kernels", "[simt][proposals]") {
  for (const auto& [h, w, pre, post] : {std::array<std::int64_t, 4>{4, 6, 100, 40},
                                        {1, 1, 5, 16},
                                        {9, 7, 6000, 300},
                                        {30, 23, 200, 63},
                                        {6, 5, 65, 64}}) {
    const ProposalsParams p = proposals_params(h, w, pre, post);
    const auto anchors = static_cast<std::size_t>(num_anchors(p.levels));
    test_proposals(p, 2, random_values(2 * anchors, 1, -9, 3),
                   random_values(8 * anchors, 2, -0.8F, 0.8F));
    // Ties, also at the cut, and boxes that are equal.
    test_proposals(p, 1, stepped(anchors, 3, -3, 0.5F, 4), stepped(4 * anchors, 4, -1, 1, 2));
  }
}

TEST_CASE("proposals kernels: the best end anywhere in a word", "[simt][proposals]") {
  for (std::int64_t pre = 65; pre <= 72; ++pre) {  // a thread looks at eight in turn
    const ProposalsParams p = proposals_params(6, 5, pre, pre);
    const auto anchors = static_cast<std::size_t>(num_anchors(p.levels));
    test_proposals(p, 1, random_values(anchors, 1, -9, 3),
                   random_values(4 * anchors, 2, -0.8F, 0.8F));
  }
}

TEST_CASE("proposals kernels: none, all alike, and no answer", "[simt][proposals]") {
  const ProposalsParams p = proposals_params(5, 4, 60, 20);
  const auto anchors = static_cast<std::size_t>(num_anchors(p.levels));
  const std::vector<float> still(4 * anchors, 0);
  test_proposals(p, 1, std::vector<float>(anchors, -200), still);
  test_proposals(p, 1, std::vector<float>(anchors, 0.5F), still);
  std::vector<float> logits = random_values(2 * anchors, 5), deltas = random_values(8 * anchors, 6);
  logits[anchors + 7] = kNan;
  test_proposals(p, 2, logits, deltas);
  std::fill(deltas.begin(), deltas.begin() + static_cast<std::ptrdiff_t>(4 * anchors),
            std::numeric_limits<float>::infinity());
  test_proposals(p, 2, logits, deltas);
}

TEST_CASE("proposals kernels: more anchors than a block looks at in turn, one without an answer",
          "[simt][proposals]") {
  const ProposalsParams p = proposals_params(53, 53, 40, 20);
  const auto anchors = static_cast<std::size_t>(num_anchors(p.levels));
  REQUIRE(anchors > 256 * 32);
  std::vector<float> logits = random_values(2 * anchors, 7);
  logits.back() = kNan;
  test_proposals(p, 2, logits, random_values(8 * anchors, 8));
}

TEST_CASE("proposals kernels: boxes narrower than a pixel suppress one another",
          "[simt][proposals]") {
  ProposalsParams p = proposals_params(5, 4, 60, 40);
  p.nms_threshold = 0.3F;
  const auto anchors = static_cast<std::size_t>(num_anchors(p.levels));
  std::vector<float> deltas(4 * anchors, 0);
  for (std::size_t i = 0; i < deltas.size(); ++i) deltas[i] = i % 4 < 2 ? 0 : -5.5F;
  test_proposals(p, 1, random_values(anchors, 9), deltas);
}

TEST_CASE("proposals kernels: what is not among the best may be infinite", "[simt][proposals]") {
  const ProposalsParams p = proposals_params(6, 5, 65, 64);
  const auto anchors = static_cast<std::size_t>(num_anchors(p.levels));
  std::vector<float> logits(anchors), deltas(4 * anchors, 0);
  for (std::size_t i = 0; i < anchors; ++i) logits[i] = 3 - 0.05F * static_cast<float>(i);
  std::fill(deltas.begin() + 4 * 65, deltas.end(), std::numeric_limits<float>::infinity());
  test_proposals(p, 1, logits, deltas);
}

TEST_CASE("detections kernels", "[simt][detections]") {
  test_detections(random_head(2, 130, 7), {});  // more rows than a block reports
  test_detections(random_head(1, 3, 300), {});  // more classes than a block looks at in turn
  test_detections(random_head(1, 40, 3), {});
  test_detections(random_head(2, 130, 7), {.score_threshold = 0.2F, .max_detections = 20});
  test_detections(random_head(3, 17, 1), {.nms_threshold = 0.3F});
  test_detections(random_head(1, 1000, 2), {.score_threshold = 0.3F, .max_detections = 100});
  test_detections(random_head(1, 1, 80), {});
}

TEST_CASE("detections kernels: ties, equal boxes, and no answer", "[simt][detections]") {
  Head head = random_head(2, 50, 4);
  const Head random = head;
  head.logits = stepped(head.logits.size(), 7, -1, 1, 2);
  test_detections(head, {});
  for (std::size_t i = 4; i < head.boxes.size(); ++i) head.boxes[i] = head.boxes[i % 4];
  std::fill(head.deltas.begin(), head.deltas.end(), 0.0F);
  test_detections(head, {});
  for (std::size_t i = 0; i < head.boxes.size(); ++i) head.boxes[i] = i % 4 < 2 ? 10 : 10.5F;
  test_detections(head, {});  // narrower than a pixel
  head = random;
  head.counts = {0, -1};
  test_detections(head, {});
  head.counts = {50, 50};
  head.logits[12] = kNan;
  test_detections(head, {});
  head = random;
  std::fill(head.deltas.begin() + 800, head.deltas.end(),
            std::numeric_limits<float>::infinity());  // of the second image
  test_detections(head, {});
}

TEST_CASE("detections kernels: as many candidates as there may be", "[simt][detections]") {
  Head head = random_head(1, 1024, 1);
  std::fill(head.logits.begin(), head.logits.end(), 0.0F);
  test_detections(head, {.nms_threshold = 1});
}

TEST_CASE("detections kernels: one region of many has no answer", "[simt][detections]") {
  const Head random = random_head(1, 1024, 1);
  Head head = random;
  head.logits[0] = kNan;  // the first that a block looks at
  test_detections(head, {});
  head = random;
  head.logits[0] = -9;  // the best
  std::fill(head.deltas.begin(), head.deltas.begin() + 4, std::numeric_limits<float>::infinity());
  test_detections(head, {});
}

}  // namespace nestor::test
