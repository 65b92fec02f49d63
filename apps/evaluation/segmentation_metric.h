#pragma once
// Pixel accuracy and intersection over union of class maps, by GluonCV's rules
// (dmlc/gluon-cv:gluoncv/utils/metrics/segmentation.py@v0.7.0).

#include <cstdint>
#include <string>
#include <vector>

#include "apps/drawing/class_overlay.h"

namespace nestor {

struct SegmentationFigures {
  double pixel_accuracy = 0;                  // of all pixels with a label
  double mean_iou = 0;                        // over all classes: those that never occur count 0
  std::vector<double> class_iou;              // intersection / union over all images
  std::vector<std::int64_t> labelled_pixels;  // by class
};

// Counts the pixels of any number of images by what they are and what they are taken for.
class SegmentationMetric {
 public:
  explicit SegmentationMetric(int num_classes);

  // `predictions`: classes 0 to num_classes - 1. `labels`, of the same size: a class + 1, or 0 for
  // pixels without a label, which do not count. Throws kBadInput, naming file, pixel and value, for
  // other sizes and values; nothing is counted then.
  void add(const IndexImage& predictions, const std::string& prediction_file,
           const IndexImage& labels, const std::string& label_file);

  void add(std::size_t label, std::size_t prediction, std::int64_t pixels) {
    counts_[label * num_classes_ + prediction] += pixels;
  }

  std::size_t num_classes() const { return num_classes_; }
  std::int64_t count(std::size_t label, std::size_t prediction) const {
    return counts_[label * num_classes_ + prediction];
  }
  SegmentationFigures figures() const;

 private:
  std::size_t num_classes_;
  std::vector<std::int64_t> counts_;  // [label][prediction], without those that have no label
};

}  // namespace nestor
