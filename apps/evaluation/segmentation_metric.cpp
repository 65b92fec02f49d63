#include "apps/evaluation/segmentation_metric.h"

#include <algorithm>
#include <limits>

#include "engine/check.h"

namespace nestor {

namespace {

// Values up to `most` are allowed.
void check_values(const IndexImage& map, const std::string& file, std::size_t most) {
  const auto wrong = std::ranges::find_if(map.classes, [most](auto value) { return value > most; });
  if (wrong == map.classes.end()) return;
  const auto idx = wrong - map.classes.begin();
  fail(ErrorCode::kBadInput, "{}: pixel ({}, {}) is {}, expected 0 to {}", file, idx % map.width,
       idx / map.width, *wrong, most);
}

double ratio(std::int64_t part, std::int64_t all) {
  return static_cast<double>(part) /
         (std::numeric_limits<double>::epsilon() + static_cast<double>(all));
}

}  // namespace

SegmentationMetric::SegmentationMetric(int num_classes)
    : num_classes_(static_cast<std::size_t>(num_classes)), counts_(num_classes_ * num_classes_) {}

void SegmentationMetric::add(const IndexImage& predictions, const std::string& prediction_file,
                             const IndexImage& labels, const std::string& label_file) {
  CHECK_AS(kBadInput, predictions.width == labels.width && predictions.height == labels.height,
           "{}: {} x {} pixels, the label {} has {} x {}", prediction_file, predictions.width,
           predictions.height, label_file, labels.width, labels.height);
  check_values(predictions, prediction_file, num_classes_ - 1);
  check_values(labels, label_file, num_classes_);
  for (std::size_t i = 0; i < labels.classes.size(); ++i) {
    if (labels.classes[i] != 0) add(labels.classes[i] - 1u, predictions.classes[i], 1);
  }
}

SegmentationFigures SegmentationMetric::figures() const {
  std::vector<std::int64_t> labelled(num_classes_), predicted(num_classes_);
  std::int64_t right = 0, all = 0;
  for (std::size_t label = 0; label < num_classes_; ++label) {
    for (std::size_t prediction = 0; prediction < num_classes_; ++prediction) {
      labelled[label] += count(label, prediction);
      predicted[prediction] += count(label, prediction);
    }
    right += count(label, label);
    all += labelled[label];
  }
  SegmentationFigures figures{.pixel_accuracy = ratio(right, all)};
  for (std::size_t i = 0; i < num_classes_; ++i) {
    const std::int64_t both = count(i, i);
    figures.class_iou.push_back(ratio(both, labelled[i] + predicted[i] - both));
    figures.mean_iou += figures.class_iou.back() / static_cast<double>(num_classes_);
  }
  figures.labelled_pixels = std::move(labelled);
  return figures;
}

}  // namespace nestor
