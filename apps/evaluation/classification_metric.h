#pragma once
// How often a classifier is right, and whether it knows how often.

#include <array>
#include <cstddef>
#include <span>

namespace nestor {

inline constexpr std::size_t kNumConfidenceBins = 15;

// Images whose best class has a probability in one range: bin i has those above i / 15 and up to
// (i + 1) / 15.
struct ConfidenceBin {
  std::size_t images = 0;
  std::size_t right = 0;
  double sum = 0;  // of the probabilities
};

class ClassificationMetric {
 public:
  // `best`: the most probable classes, the best first, at most 5 of which count. `probability`: the
  // first's, 0 to 1.
  void add(int class_id, std::span<const int> best, double probability);

  std::size_t images() const { return images_; }
  double top1() const { return share(top1_); }  // of all images; 0 if there are none
  double top5() const { return share(top5_); }

  // The expected calibration error: the mean, over the images, of how far their bin's mean
  // probability is from the share of it that is right (Guo et al., 2017, equation 3).
  double calibration_error() const;
  const std::array<ConfidenceBin, kNumConfidenceBins>& bins() const { return bins_; }

 private:
  double share(std::size_t count) const;

  std::size_t images_ = 0, top1_ = 0, top5_ = 0;
  std::array<ConfidenceBin, kNumConfidenceBins> bins_ = {};
};

}  // namespace nestor
