// Multi-scale evaluation against GluonCV's: sizes and windows, resized images, scores and classes.

#include <fmt/format.h>

#include <cmath>

#include "library/multi_scale/evaluation.h"
#include "library/multi_scale/plan.h"
#include "library/multi_scale/scaled_image.h"
#include "tests/golden/golden.h"
#include "tests/golden/reference.h"
#include "tests/golden/segmentation.h"
#include "tests/golden/tolerances.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Of float32: the reference's own pools are inexact on flat areas.
constexpr double kLogScores = 0.05, kEqualClasses = 0.998;

bool same_plan(const ScalePlan& got, const json& want) {
  std::vector<ScaleWindow> windows;
  for (const json& window : want.at("windows")) {
    windows.push_back({window[0], window[1], window[2], window[3]});
  }
  return got.scale == want.at("scale").get<double>() && got.height == want.at("size")[0] &&
         got.width == want.at("size")[1] && got.padded_height == want.at("padded")[0] &&
         got.padded_width == want.at("padded")[1] && got.windows == windows;
}

std::vector<float> logarithms(std::span<const float> values) {
  std::vector<float> result;
  for (const float value : values) result.push_back(std::log(value));
  return result;
}

// Resized images are equal to the bit.
void compare_images(const SegmenterCase& c, const Normalisation& normalisation, Report& report) {
  const Image& image = c.images[0];
  const std::vector<ScalePlan> plans = plan_multi_scale(image.height, image.width, {}, c.name);
  const std::vector<ScaledImage> scaled = scaled_images(image, normalisation, plans);
  const json& taps = c.record.at("taps");
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const json& row = taps.at(2 * i);
    const auto name = row.at("name").get<std::string>();
    const std::span<const float> want = array(c.reference, name + ".values");
    const std::vector<float> got = sampled(scaled[i].planes, row.at("stride"));
    const double error = worst(got, want, 1);
    report.check(error == 0, c.name, name, fmt::format("{:.1e}", error));
  }
}

}  // namespace

void compare_plans(const fs::path& folder, Report& report) {
  const json all = read_json(folder / "plans.json");
  for (const json& row : all.at("plans")) {
    const int height = row.at("height"), width = row.at("width");
    const std::string name = fmt::format("{} x {}", width, height);
    const std::vector<ScalePlan> plans = plan_multi_scale(height, width, {}, name);
    bool same = plans.size() == row.at("scales").size();
    for (std::size_t i = 0; same && i < plans.size(); ++i) {
      same = same_plan(plans[i], row.at("scales").at(i));
    }
    report.check(same, name, "sizes and windows");
  }
}

void compare_multi_scale(const SegmenterCase& c, const fs::path& folder, const LoadedModel& loaded,
                         Report& report) {
  compare_images(c, loaded.info.preprocess.normalisation, report);
  if (!report.wants_large()) return;
  Session session(loaded.model, {.precision = Precision::kFp32});
  MultiScale evaluation(session, loaded.info.preprocess.normalisation, loaded.info.num_classes, {},
                        /*wants_scores=*/true);
  const MultiScaleResult result = evaluation.run(c.images[0], c.name);
  const std::int64_t height = result.map.height, width = result.map.width;
  const double equal =
      equal_classes(c, folder, {{DType::kUInt8, {1, height, width}}, result.map.classes.data()});
  report.check(equal >= kEqualClasses, c.name, "classes",
               fmt::format("{:.5f} of {:g} equal", equal, kEqualClasses));
  const json& row = c.record.at("taps").back();
  const std::vector<float> got = logarithms(sampled(result.scores, row.at("stride")));
  const std::vector<float> want = logarithms(array(c.reference, "scores.values"));
  const double error = worst(got, want, 1);
  report.check(error <= kLogScores, c.name, "log scores",
               fmt::format("{:.1e} of {:g}", error, kLogScores));
}

}  // namespace nestor::golden
