// GluonCV's Faster R-CNN detectors: feature maps and the RPN's numbers element by element, detections
// by matching, since untrained networks decide near-ties by rounding; and the discrete steps from the
// reference's own numbers, exactly. See README.md beside the data.

#include "tests/golden/detection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/backends/cpu/onednn.h"
#include "engine/boxes/kept_boxes.h"
#include "engine/boxes/ranking.h"
#include "engine/boxes/roi_level.h"
#include "engine/weights/weight_file.h"
#include "graphs/zoo.h"
#include "nestor/nestor.h"
#include "tests/golden/reference.h"
#include "tests/golden/scratch_folder.h"
#include "tests/golden/tolerances.h"
#include "weights_convert/synthetic/manifest.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kFeatures[] = {"C2", "C3", "C4", "C5",         "P2",        "P3",
                                     "P4", "P5", "P6", "rpn.logits", "rpn.deltas"};
constexpr double kFeatureRms = 5e-5, kFeatureLargest = 5e-4;  // over the standard deviation
constexpr double kPixels = 0.25, kScores = 5e-3, kPartners = 0.98;
// Larger images, and on a CPU with nothing newer than SSE4.1 all but the smallest, take too long for
// every run.
constexpr std::int64_t kMostPixels = 160'000, kMostPixelsSlow = 10'000;

struct Case {
  std::string name;
  json record;
  WeightFile reference;
  Shape shape;
  std::vector<float> input;
};

Case read_case(const fs::path& folder, const fs::path& path, const Normalisation& normalisation) {
  fs::path arrays = path;
  Case c{.name = path.stem().string(),
         .record = read_json(path),
         .reference = WeightFile::open(arrays.replace_extension(".safetensors")),
         .shape = {},
         .input = {}};
  const json& input = c.record.at("input");
  c.shape = Shape(input.at("shape").get<std::vector<std::int64_t>>());
  const Image pixels =
      read_picture(folder / input.at("image").get<std::string>(), c.shape[2], c.shape[3]);
  c.input.resize(static_cast<std::size_t>(c.shape.num_elements()));
  normalise(pixels, normalisation, c.input.data());
  return c;
}

// --- the discrete steps, from the reference's numbers ---

std::vector<Box> boxes_of(std::span<const float> numbers) {
  std::vector<Box> boxes;
  for (std::size_t i = 0; i < numbers.size(); i += 4) {
    boxes.push_back({numbers[i], numbers[i + 1], numbers[i + 2], numbers[i + 3]});
  }
  return boxes;
}

// Rows that survive, in the order of their scores.
std::vector<std::int32_t> survivors(std::span<const float> scores, std::span<const Box> boxes,
                                    float threshold, std::size_t most) {
  std::vector<Rank> ranks;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (scores[i] > 0) ranks.push_back(rank_of(scores[i], static_cast<std::uint32_t>(i)));
  }
  std::ranges::sort(ranks);
  std::vector<float> memory(KeptBoxes::num_floats(static_cast<std::int64_t>(scores.size())));
  KeptBoxes kept(memory.data(), static_cast<std::int64_t>(scores.size()));
  std::vector<std::int32_t> rows;
  for (const Rank rank : ranks) {
    if (rows.size() == most) break;
    const Box& box = boxes[place_of(rank)];
    if (!kept.admits(box, threshold)) continue;
    kept.add(box);
    rows.push_back(static_cast<std::int32_t>(place_of(rank)));
  }
  return rows;
}

void compare_proposals(const Case& c, Report& report) {
  const auto scores = array(c.reference, "anchors.scores");
  const std::vector<Box> boxes = boxes_of(array(c.reference, "anchors.boxes"));
  const auto want = int_array(c.reference, "proposals.anchors");
  report.check(std::ranges::equal(survivors(scores, boxes, 0.7F, 1000), want), c.name,
               "suppression of anchors", fmt::format("{}", want.size()));
  std::vector<std::int32_t> levels;
  for (const Box& box : boxes_of(array(c.reference, "proposals.boxes"))) {
    levels.push_back(roi_level(box, 2, 5));
  }
  report.check(std::ranges::equal(levels, int_array(c.reference, "proposals.levels")), c.name,
               "levels of proposals");
}

void compare_suppression(const Case& c, Report& report) {
  const auto classes = int_array(c.reference, "candidates.classes");
  const auto scores = array(c.reference, "candidates.scores");
  const std::vector<Box> boxes = boxes_of(array(c.reference, "candidates.boxes"));
  std::vector<std::int32_t> got;
  for (std::size_t first = 0, end = 0; first < classes.size(); first = end) {
    while (end < classes.size() && classes[end] == classes[first]) ++end;
    const auto own = survivors(scores.subspan(first, end - first),
                               std::span(boxes).subspan(first, end - first), 0.5F, end - first);
    for (const std::int32_t row : own) got.push_back(row + static_cast<std::int32_t>(first));
  }
  const auto want = int_array(c.reference, "detections.candidates");
  report.check(std::ranges::equal(got, want), c.name, "suppression of candidates",
               fmt::format("{} of {}", got.size(), want.size()));
}

// --- the network ---

struct Found {
  std::int32_t class_id;
  float score;
  Box box;
};

// GluonCV's unused proposals end as boxes without area, which Nestor leaves out.
std::vector<Found> expected_of(const Case& c) {
  const auto ids = int_array(c.reference, "detections.ids");
  const auto scores = array(c.reference, "detections.scores");
  const std::vector<Box> boxes = boxes_of(array(c.reference, "detections.boxes"));
  std::vector<Found> found;
  for (std::size_t i = 0; i < ids.size(); ++i) {
    const Box& b = boxes[i];
    const bool unused = b == Box{-1, -1, -1, -1};
    if (!unused) found.push_back({ids[i], scores[i], b});
  }
  return found;
}

std::vector<Found> found_in(std::span<const Session::Output> outputs, std::int64_t image) {
  const std::int64_t most = outputs[1].tensor.desc.shape[1];
  std::vector<Found> found;
  for (std::int64_t i = 0; i < std::max(0, outputs[0].count[image]); ++i) {
    const std::int64_t row = image * most + i;
    found.push_back({outputs[2].tensor.as<std::int32_t>()[row], outputs[1].tensor.as<float>()[row],
                     outputs[0].tensor.as<Box>()[row]});
  }
  return found;
}

double farthest_corner(const Box& a, const Box& b) {
  const float differences[] = {a.x1 - b.x1, a.y1 - b.y1, a.x2 - b.x2, a.y2 - b.y2};
  double farthest = 0;
  for (const float d : differences) farthest = std::max(farthest, std::abs(double{d}));
  return farthest;
}

// The share of `wanted` that have a partner of their class near enough, of which each is the nearest
// in score; and the largest difference of their scores.
std::pair<double, double> partners(std::span<const Found> found, std::span<const Found> wanted) {
  std::vector<bool> used(found.size(), false);
  std::size_t pairs = 0;
  double difference = 0;
  for (const Found& want : wanted) {
    std::size_t best = found.size();
    for (std::size_t i = 0; i < found.size(); ++i) {
      const bool fits = !used[i] && found[i].class_id == want.class_id &&
                        farthest_corner(found[i].box, want.box) <= kPixels;
      if (!fits) continue;
      const auto distance = [&](std::size_t at) { return std::abs(found[at].score - want.score); };
      if (best == found.size() || distance(i) < distance(best)) best = i;
    }
    if (best == found.size()) continue;
    used[best] = true;
    ++pairs;
    difference = std::max(difference, std::abs(double{found[best].score} - want.score));
  }
  const double share =
      wanted.empty() ? 1 : static_cast<double>(pairs) / static_cast<double>(wanted.size());
  return {share, difference};
}

void compare_detections(const Case& c, std::span<const Session::Output> outputs, Report& report) {
  const std::vector<Found> want = expected_of(c), got = found_in(outputs, 0);
  const auto [share, difference] = partners(got, want);
  const double others = partners(want, got).first;
  report.check(share >= kPartners && others >= kPartners && difference <= kScores, c.name,
               "detections",
               fmt::format("{:.3f} of {} found, {:.3f} of {} expected, scores within {:.1e}", share,
                           want.size(), others, got.size(), difference));
}

void compare_feature(const Case& c, const Session::Output& output, const json& row,
                     Report& report) {
  const std::size_t stride = row.value("stride", std::size_t{1});
  const auto want = array(c.reference, stride == 1 ? output.name : output.name + ".values");
  const auto count = static_cast<std::size_t>(output.tensor.desc.shape.num_elements());
  const std::vector<float> got = sampled({output.tensor.as<float>(), count}, stride);
  const double scale = deviation(want);
  const double rms = root_mean_square(got, want, scale), largest = worst(got, want, scale);
  report.check(rms <= kFeatureRms && largest <= kFeatureLargest, c.name, output.name,
               fmt::format("rms {:.1e} of {:g}, largest {:.1e} of {:g}", rms, kFeatureRms, largest,
                           kFeatureLargest));
}

void compare_network(const Case& c, Session& session, Report& report) {
  std::vector<std::string> taps;
  std::vector<const json*> rows;
  for (const json& row : c.record.at("arrays")) {
    const std::string name = row.at("name");
    if (std::ranges::find(kFeatures, name) == std::end(kFeatures)) continue;
    taps.push_back(name);
    rows.push_back(&row);
  }
  const auto outputs = session.run({{DType::kFloat32, c.shape}, c.input.data()}, taps);
  compare_detections(c, outputs, report);
  for (std::size_t i = 0; i < taps.size(); ++i) {
    compare_feature(c, outputs[3 + i], *rows[i], report);
  }
}

// Whether the case is small enough for this run.
bool is_wanted(const Case& c, const Report& report) {
  const bool slow = cpu::isa() == cpu::Isa::kSse2;
  return report.wants_large() || c.shape[2] * c.shape[3] <= (slow ? kMostPixelsSlow : kMostPixels);
}

void compare_model(const fs::path& folder, const std::string& network, Report& report) {
  const ScratchFolder scratch;
  const fs::path models = folder / "models", weights = scratch.path() / (network + ".safetensors");
  std::optional<Session> session;  // of the first case that is wanted
  for (const auto& entry : fs::directory_iterator(folder / "outputs")) {
    const std::string file = entry.path().filename().string();
    if (!file.starts_with(network + "_") || entry.path().extension() != ".json") continue;
    const Case c = read_case(folder, entry.path(), {});
    compare_proposals(c, report);
    compare_suppression(c, report);
    if (!is_wanted(c, report)) continue;
    if (!session) {
      convert_manifest(models / (network + ".manifest.json"),
                       models / (network + ".stats.safetensors"), weights, {.network = network});
      const LoadedModel loaded =
          load_model(weights, {.device = "cpu", .detection = {.score_threshold = 0}});
      session.emplace(loaded.model, SessionOptions{.precision = Precision::kFp32});
    }
    compare_network(c, *session, report);
  }
}

}  // namespace

void compare_detection(const fs::path& folder, Report& report) {
  compare_detection_components(folder / "components", report);
  const json cases = read_json(folder / "cases.json");
  for (const auto& [network, rows] : cases.at("models").items()) {
    if (find_network(network) == nullptr) {
      report.fail(network, "network", "there is none of that name");
    } else {
      compare_model(folder, network, report);
    }
  }
}

}  // namespace nestor::golden
