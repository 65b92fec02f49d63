// Single steps of detectors on made-up input, without a network.

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "engine/boxes/anchors.h"
#include "engine/boxes/kept_boxes.h"
#include "engine/boxes/ranking.h"
#include "engine/boxes/roi_level.h"
#include "engine/ops/anchor_rows/anchor_rows.h"
#include "engine/ops/detections/detections.h"
#include "engine/ops/proposals/proposals.h"
#include "engine/ops/roi_align/roi_align.h"
#include "engine/ops/upsample_add/upsample_add.h"
#include "tests/golden/detection.h"
#include "tests/golden/reference.h"
#include "tests/golden/step_runner.h"
#include "weights_convert/synthetic/values.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr double kScoreLimit = 1e-6, kPooledLimit = 1e-5, kBoxLimit = 1e-3;
constexpr double kBoxShare = 2e-6;  // of the largest coordinate

// A row of a kind's list, with its arrays, stored and generated.
class Component {
 public:
  Component(const json& row, const WeightFile& file) : row_(row), file_(file) {
    for (const json& each : row.value("generated", json::array())) generate(each);
  }

  const json& row() const { return row_; }
  std::string name() const { return row_.at("case"); }
  const std::vector<float>& made(const std::string& name) const { return made_.at(name); }
  Shape shape(const std::string& name) const { return shapes_.at(name); }

  std::span<const float> stored(const std::string& array_name) const {
    return array(file_, name() + "/" + array_name);
  }
  std::span<const std::int32_t> stored_ints(const std::string& array_name) const {
    return int_array(file_, name() + "/" + array_name);
  }

 private:
  void generate(const json& rule) {
    const Shape shape(rule.at("shape").get<std::vector<std::int64_t>>());
    const UnitSequence unit(rule.at("key").get<std::string>());
    const double low = rule.at("low"), high = rule.at("high");
    std::vector<float> values(static_cast<std::size_t>(shape.num_elements()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      double u = unit(i);
      if (rule.contains("steps")) {
        const double steps = rule["steps"];
        u = std::floor(u * steps) / steps;
      }
      values[i] = static_cast<float>(low + (high - low) * u);
    }
    const std::string name = rule.at("array");
    shapes_.emplace(name, shape);
    made_.emplace(name, std::move(values));
  }

  const json& row_;
  const WeightFile& file_;
  std::map<std::string, std::vector<float>> made_;
  std::map<std::string, Shape> shapes_;
};

double largest_difference(std::span<const float> got, std::span<const float> want) {
  if (got.size() != want.size()) return HUGE_VAL;
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = std::abs(double{got[i]} - want[i]);
    largest = difference <= largest ? largest : std::isfinite(difference) ? difference : HUGE_VAL;
  }
  return largest;
}

double box_limit(std::span<const float> boxes) {
  float largest = 0;
  for (const float x : boxes) largest = std::max(largest, std::abs(x));
  return std::max(kBoxLimit, kBoxShare * largest);
}

void close(const Component& c, const char* what, std::span<const float> got,
           std::span<const float> want, double limit, Report& report) {
  const double error = largest_difference(got, want);
  report.check(error <= limit, c.name(), what, fmt::format("{:.1e} of {:g}", error, limit));
}

template <class T>
void exact(const Component& c, const char* what, std::span<const T> got, std::span<const T> want,
           Report& report) {
  report.check(std::ranges::equal(got, want), c.name(), what,
               fmt::format("{} of {}", got.size(), want.size()));
}

std::vector<AnchorLevel> levels_of(const json& image) {
  const std::int64_t height = image.at(0), width = image.at(1);
  std::vector<AnchorLevel> levels;
  std::int64_t h = (height + 1) / 2, w = (width + 1) / 2;
  for (int stride = 4; stride <= 64; stride *= 2) {
    h = (h + 1) / 2;
    w = (w + 1) / 2;
    levels.push_back({stride, h, w});
  }
  return levels;
}

std::vector<float> all_anchors(const std::vector<AnchorLevel>& levels) {
  std::vector<float> numbers;
  for (std::int64_t i = 0; i < num_anchors(levels); ++i) {
    const Box b = anchor(levels, i);
    numbers.insert(numbers.end(), {b.x1, b.y1, b.x2, b.y2});
  }
  return numbers;
}

void compare_anchors(const Component& c, Report& report) {
  if (c.row().contains("image")) {
    const std::vector<float> got = all_anchors(levels_of(c.row()["image"]));
    return exact<float>(c, "anchors", got, c.stored("boxes"), report);
  }
  const json& grid = c.row().at("grid");
  const AnchorLevel level{4 << (c.name()[1] - '2'), grid.at(2), grid.at(3)};
  const std::vector<float> got = all_anchors({level});
  exact<float>(c, "first cell", std::span(got).first(12), c.stored("first_cell"), report);
  exact<float>(c, "anchors", sampled(got, c.row().at("stride")), c.stored("values"), report);
}

void compare_levels(const Component& c, Report& report) {
  const std::span<const float> boxes = c.stored("boxes");
  std::vector<std::int32_t> got;
  for (std::size_t i = 0; i < boxes.size(); i += 4) {
    got.push_back(roi_level({boxes[i], boxes[i + 1], boxes[i + 2], boxes[i + 3]}, 2, 5));
  }
  exact<std::int32_t>(c, "levels", got, c.stored_ints("levels"), report);
}

void compare_upsampling(const Component& c, Report& report) {
  GraphBuilder b;
  const ValueId lateral = b.input("lateral", {DType::kFloat32, c.shape("lateral")});
  const ValueId coarse = b.input("coarse", {DType::kFloat32, c.shape("coarse")});
  upsample_add(b, lateral, coarse, "sum");
  const std::array<const void*, 2> inputs{c.made("lateral").data(), c.made("coarse").data()};
  const auto outputs = run_last_node(b.finish(), inputs);
  exact<float>(c, "merged", outputs[0].values<float>(), c.stored("merged"), report);
}

void compare_roi_align(const Component& c, Report& report) {
  const json& options = c.row().at("options");
  const int samples = options.at("sample_ratio");
  if (samples < 1)
    return report.skip(c.name(), "RoIAlign with as many samples as the bin is large");
  const std::span<const float> rois = c.stored("rois");
  const Shape map = c.shape("features");
  // The regions of each image, one behind the other, with room for all of them.
  const auto most = static_cast<std::int64_t>(rois.size() / 5);
  std::vector<float> boxes(static_cast<std::size_t>(map[0] * most * 4), -1);
  std::vector<std::int32_t> counts(static_cast<std::size_t>(map[0]), 0);
  std::vector<std::int64_t> rows;
  for (std::size_t i = 0; i < rois.size(); i += 5) {
    const auto n = static_cast<std::int64_t>(rois[i]);
    rows.push_back(n < 0 ? -1 : n * most + counts[static_cast<std::size_t>(n)]++);
    if (n >= 0) std::copy_n(&rois[i + 1], 4, &boxes[static_cast<std::size_t>(4 * rows.back())]);
  }
  RoiAlignParams params{.bins_h = options.at("pooled_size").at(0),
                        .bins_w = options.at("pooled_size").at(1),
                        .samples = samples};
  params.strides = {static_cast<int>(std::lround(1 / options.at("spatial_scale").get<double>()))};
  GraphBuilder b;
  const ValueId given = b.input("boxes", {DType::kFloat32, {map[0], most, 4}});
  const ValueId count = b.input("count", {DType::kInt32, {map[0]}});
  const std::array<ValueId, 1> level{b.input("features", {DType::kFloat32, map})};
  roi_align(b, given, count, level, "pooled", params);
  const std::array<const void*, 3> inputs{boxes.data(), counts.data(), c.made("features").data()};
  const auto outputs = run_last_node(b.finish(), inputs);
  const std::span<const float> all = outputs[0].values<float>();
  const auto item = static_cast<std::size_t>(map[1] * params.bins_h * params.bins_w);
  std::vector<float> got;
  for (const std::int64_t row : rows) {
    const auto from = all.begin() + row * static_cast<std::int64_t>(item);
    if (row < 0) got.resize(got.size() + item);
    if (row >= 0) got.insert(got.end(), from, from + static_cast<std::int64_t>(item));
  }
  close(c, "pooled", got, c.stored("pooled"), kPooledLimit, report);
}

// From the maps of the five levels, by way of anchor_rows.
std::vector<float> rows_of(const Component& c, const char* what, std::int64_t width) {
  GraphBuilder b;
  std::vector<ValueId> levels;
  std::vector<const void*> inputs;
  for (int k = 2; k <= 6; ++k) {
    const std::string name = fmt::format("P{}.{}", k, what);
    levels.push_back(b.input(name, {DType::kFloat32, c.shape(name)}));
    inputs.push_back(c.made(name).data());
  }
  anchor_rows(b, levels, "rows", {.width = width});
  const auto outputs = run_last_node(b.finish(), inputs);
  const std::span<const float> rows = outputs[0].values<float>();
  return {rows.begin(), rows.end()};
}

void compare_proposals(const Component& c, Report& report) {
  const json& image = c.row().at("image");
  const ProposalsParams params{
      .levels = levels_of(image), .height = image.at(0), .width = image.at(1)};
  const std::int64_t anchors = num_anchors(params.levels);
  const std::vector<float> logits = rows_of(c, "logits", 1), deltas = rows_of(c, "deltas", 4);
  GraphBuilder b;
  const ValueId scores = b.input("logits", {DType::kFloat32, {1, anchors, 1}});
  proposals(b, scores, b.input("deltas", {DType::kFloat32, {1, anchors, 4}}), "proposals", params);
  const std::array<const void*, 2> inputs{logits.data(), deltas.data()};
  const auto outputs = run_last_node(b.finish(), inputs);
  exact<std::int32_t>(c, "anchors", outputs[2].values<std::int32_t>(), c.stored_ints("index"),
                      report);
  close(c, "scores", outputs[1].values<float>(), c.stored("scores"), kScoreLimit, report);
  close(c, "boxes", outputs[0].values<float>(), c.stored("boxes"), box_limit(c.stored("boxes")),
        report);
}

// GluonCV lists detections by class; a stable sort by class gives that order.
std::vector<std::size_t> by_class(std::span<const std::int32_t> classes) {
  std::vector<std::size_t> order(classes.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return classes[i]; });
  return order;
}

void compare_detections(const Component& c, Report& report) {
  const std::span<const std::int32_t> rows = c.stored_ints("rows");
  const std::int64_t classes = c.shape("foreground")[1];
  const auto rois = static_cast<std::int64_t>(rows.size());
  std::vector<float> logits;
  for (const std::int32_t row : rows) {
    const auto at = static_cast<std::ptrdiff_t>(row * classes);
    logits.push_back(c.made("background")[static_cast<std::size_t>(row)]);
    const auto first = c.made("foreground").begin() + at;
    logits.insert(logits.end(), first, first + classes);
  }
  GraphBuilder b;
  const ValueId boxes = b.input("boxes", {DType::kFloat32, {1, rois, 4}});  // first: one image
  const ValueId given = b.input("logits", {DType::kFloat32, {rois, classes + 1}});
  const ValueId deltas = b.input("deltas", {DType::kFloat32, {rois, 4 * classes}});
  detections(b, given, deltas, boxes, b.input("count", {DType::kInt32, {1}}), "detections", {});
  const auto count = static_cast<std::int32_t>(rois);
  const std::array<const void*, 4> inputs{logits.data(), c.made("deltas").data(),
                                          c.stored("proposals").data(), &count};
  const auto outputs = run_last_node(b.finish(), inputs);
  const auto found = static_cast<std::size_t>(std::max(0, outputs[4].values<std::int32_t>()[0]));
  const auto ids = outputs[2].values<std::int32_t>().first(found);
  std::vector<std::int32_t> got_ids, got_rois;
  std::vector<float> got_scores, got_boxes;
  for (const std::size_t i : by_class(ids)) {
    got_ids.push_back(ids[i]);
    got_rois.push_back(outputs[3].values<std::int32_t>()[i]);
    got_scores.push_back(outputs[1].values<float>()[i]);
    const auto box = outputs[0].values<float>().subspan(4 * i, 4);
    got_boxes.insert(got_boxes.end(), box.begin(), box.end());
  }
  exact<std::int32_t>(c, "classes", got_ids, c.stored_ints("ids"), report);
  exact<std::int32_t>(c, "regions", got_rois, c.stored_ints("rois"), report);
  close(c, "scores", got_scores, c.stored("scores"), kScoreLimit, report);
  close(c, "boxes", got_boxes, c.stored("boxes"), box_limit(c.stored("boxes")), report);
}

// --- contrib.box_nms with its options, on the parts that the ops share ---

struct NmsOptions {
  float overlap, valid;
  std::int64_t topk, coord_start, score, id, background;
  bool force, from_center, to_center;

  explicit NmsOptions(const json& o)
      : overlap(o.value("overlap_thresh", 0.5F)),
        valid(o.value("valid_thresh", 0.0F)),
        topk(o.value("topk", -1)),
        coord_start(o.value("coord_start", 2)),
        score(o.value("score_index", 1)),
        id(o.value("id_index", -1)),
        background(o.value("background_id", -1)),
        force(o.value("force_suppress", false)),
        from_center(o.value("in_format", "corner") == "center"),
        to_center(o.value("out_format", "corner") == "center") {}
};

Box corners(const float* b) {
  return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
}

std::array<float, 4> stored_as(const Box& b, bool center) {
  if (!center) return {b.x1, b.y1, b.x2, b.y2};
  return {(b.x1 + b.x2) / 2, (b.y1 + b.y2) / 2, b.x2 - b.x1, b.y2 - b.y1};
}

std::vector<float> box_nms(std::span<const float> rows, std::int64_t width, const NmsOptions& o) {
  const auto count = static_cast<std::int64_t>(rows.size()) / width;
  const auto at = [&](std::int64_t row, std::int64_t column) {
    return rows[static_cast<std::size_t>(row * width + column)];
  };
  std::vector<Rank> ranks;
  for (std::int64_t i = 0; i < count; ++i) {
    const bool background = o.id >= 0 && static_cast<std::int64_t>(at(i, o.id)) == o.background;
    if (at(i, o.score) > o.valid && !background) {
      ranks.push_back(rank_of(at(i, o.score), static_cast<std::uint32_t>(i)));
    }
  }
  std::ranges::sort(ranks);
  if (o.topk >= 0 && static_cast<std::size_t>(o.topk) < ranks.size()) {
    ranks.resize(static_cast<std::size_t>(o.topk));
  }
  std::vector<std::vector<float>> memory;
  std::map<int, KeptBoxes> kept;  // of each class
  std::vector<float> out;
  for (const Rank rank : ranks) {
    const std::int64_t row = place_of(rank);
    const int group = o.force || o.id < 0 ? 0 : static_cast<int>(at(row, o.id));
    if (!kept.contains(group)) {
      memory.emplace_back(KeptBoxes::num_floats(count));
      kept.emplace(group, KeptBoxes(memory.back().data(), count));
    }
    const float* const given = &rows[static_cast<std::size_t>(row * width + o.coord_start)];
    const Box box = o.from_center ? corners(given) : Box{given[0], given[1], given[2], given[3]};
    KeptBoxes& own = kept.at(group);
    if (!own.admits(box, o.overlap)) continue;
    own.add(box);
    const auto first = rows.begin() + row * width;
    out.insert(out.end(), first, first + width);
    if (o.from_center != o.to_center) {
      std::ranges::copy(stored_as(box, o.to_center), out.end() - width + o.coord_start);
    }
  }
  out.resize(rows.size(), -1);
  return out;
}

void compare_box_nms(const Component& c, const WeightFile& file, Report& report) {
  const Shape& shape = file.find(c.name() + "/data")->shape;
  const std::span<const float> data = c.stored("data");
  const std::size_t item = data.size() / static_cast<std::size_t>(shape[0]);
  std::vector<float> got;
  for (std::size_t i = 0; i < data.size(); i += item) {
    const auto rows = box_nms(data.subspan(i, item), shape[2], NmsOptions(c.row().at("options")));
    got.insert(got.end(), rows.begin(), rows.end());
  }
  exact<float>(c, "survivors", got, c.stored("output"), report);
}

void compare_component(const std::string& kind, const Component& c, const WeightFile& file,
                       Report& report) {
  if (kind == "anchors") return compare_anchors(c, report);
  if (kind == "levels") return compare_levels(c, report);
  if (kind == "box_nms") return compare_box_nms(c, file, report);
  if (kind == "upsampling") return compare_upsampling(c, report);
  if (kind == "roi_align") return compare_roi_align(c, report);
  if (kind == "proposals") return compare_proposals(c, report);
  if (kind == "detections") return compare_detections(c, report);
  report.fail(c.name(), kind, "a component of an unknown kind");
}

}  // namespace

void compare_detection_components(const fs::path& folder, Report& report) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    fs::path arrays = entry.path();
    const WeightFile file = WeightFile::open(arrays.replace_extension(".safetensors"));
    const json record = read_json(entry.path());
    for (const json& row : record.at("cases")) {
      compare_component(record.at("kind"), Component(row, file), file, report);
    }
  }
}

}  // namespace nestor::golden
