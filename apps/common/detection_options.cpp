#include "apps/common/detection_options.h"

#include <algorithm>
#include <charconv>

#include "engine/check.h"
#include "engine/nearest_names.h"
#include "engine/printable_text.h"
#include "graphs/zoo.h"

namespace nestor {

namespace {

constexpr int kMostDetections = 1'000'000;

int class_called(const std::string& name, const ModelInfo& info) {
  const auto found = std::ranges::find(info.labels, name);
  if (found != info.labels.end()) return static_cast<int>(found - info.labels.begin());
  int number = -1;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc() && end == name.data() + name.size();
  if (whole && number >= 0 && number < info.num_classes) return number;
  const std::string meant = info.labels.empty() ? "" : did_you_mean(name, info.labels);
  fail(ErrorCode::kUsage, "--classes: the model has no class {}{}", quoted_name(name),
       meant.empty() ? fmt::format("; it has {}", info.num_classes) : meant);
}

}  // namespace

void add_detection_options(CLI::App& app, DetectionOptions& options) {
  app.add_option("--thresh,--threshold", options.limits.score_threshold,
                 "Leave out detections with lower scores; those up to 0.01 are left out anyway")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("SCORE")
      ->group("Results");
  app.add_option("--nms", options.limits.nms_threshold,
                 "Leave out detections that overlap a better one of their class by more than this, "
                 "as intersection over union")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0))
      ->type_name("IOU")
      ->group("Results");
  app.add_option("--post-nms", options.limits.max_detections,
                 "Report the best detections of an image only, so many (default: all)")
      ->check(CLI::Range(1, kMostDetections))
      ->type_name("N")
      ->group("Results");
  app.add_option("--classes", options.classes,
                 "Report these classes only, by name or number: person,dog")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("NAMES")
      ->group("Results");
}

void add_size_options(CLI::App& app, DetectionOptions& options) {
  const CLI::Range sides(kSmallestInputSide, kLargestInputSide);
  CLI::Option* const shorter =
      app.add_option("--short", options.short_side,
                     "Resize images so that their short side has so many pixels (default: the "
                     "model's)")
          ->check(sides)
          ->type_name("PIXELS")
          ->group("Images");
  CLI::Option* const longer =
      app.add_option("--max-size", options.longest_side,
                     "Resize less if the long side would have more pixels (default: the model's)")
          ->check(sides)
          ->type_name("PIXELS")
          ->group("Images");
  app.add_flag("--no-resize", options.no_resize, "Feed images to the network as they are")
      ->excludes(shorter)
      ->excludes(longer)
      ->group("Images");
}

Preprocess sized_by(const DetectionOptions& options, Preprocess preprocess) {
  if (options.no_resize) preprocess.rule = ResizeRule::kNone;
  preprocess.short_side = options.short_side.value_or(preprocess.short_side);
  preprocess.longest_side = options.longest_side.value_or(preprocess.longest_side);
  CHECK_AS(kUsage, preprocess.short_side <= preprocess.longest_side,
           "a short side of {} pixels and a long one of at most {}", preprocess.short_side,
           preprocess.longest_side);
  return preprocess;
}

std::vector<int> classes_of(const DetectionOptions& options, const ModelInfo& info) {
  std::vector<int> ids;
  for (const std::string& name : options.classes) ids.push_back(class_called(name, info));
  std::ranges::sort(ids);
  return ids;
}

}  // namespace nestor
