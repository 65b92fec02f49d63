#include "apps/evaluation/classification_metric.h"

#include <algorithm>
#include <cmath>

namespace nestor {

namespace {

constexpr std::size_t kTop = 5;

std::size_t bin_of(double probability) {
  const double bin = std::ceil(probability * kNumConfidenceBins) - 1;
  return static_cast<std::size_t>(std::clamp(bin, 0.0, double{kNumConfidenceBins - 1}));
}

}  // namespace

void ClassificationMetric::add(int class_id, std::span<const int> best, double probability) {
  const bool right = !best.empty() && best.front() == class_id;
  const std::span<const int> top = best.first(std::min(best.size(), kTop));
  ++images_;
  top1_ += right ? 1 : 0;
  top5_ += std::ranges::find(top, class_id) != top.end() ? 1 : 0;
  ConfidenceBin& bin = bins_[bin_of(probability)];
  ++bin.images;
  bin.right += right ? 1 : 0;
  bin.sum += probability;
}

double ClassificationMetric::share(std::size_t count) const {
  return images_ == 0 ? 0 : static_cast<double>(count) / static_cast<double>(images_);
}

double ClassificationMetric::calibration_error() const {
  double sum = 0;
  for (const ConfidenceBin& bin : bins_) sum += std::abs(bin.sum - static_cast<double>(bin.right));
  return images_ == 0 ? 0 : sum / static_cast<double>(images_);
}

}  // namespace nestor
