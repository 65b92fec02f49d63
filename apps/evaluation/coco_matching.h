#pragma once
// Detections of one category in one image, matched with its objects by COCO's rules
// (ppwwyyxx/cocoapi:PythonAPI/pycocotools/cocoeval.py, as in pycocotools 2.0.11).

#include <array>
#include <bitset>
#include <cstddef>
#include <span>
#include <vector>

#include "apps/evaluation/coco_file.h"

namespace nestor {

// 0.5, 0.55, ... 0.95, as NumPy's linspace rounds them.
inline constexpr std::size_t kNumOverlaps = 10;
const std::array<double, kNumOverlaps>& coco_overlaps();

// Of an image and a category the best detections count, no others.
inline constexpr std::size_t kMostDetections = 100;

// Pixels; both ends belong to it.
struct AreaRange {
  double least, most;
  bool contains(double area) const { return area >= least && area <= most; }
};

struct JudgedDetection {
  double score = 0;
  std::bitset<kNumOverlaps> matched;  // it has an object at that overlap
  std::bitset<kNumOverlaps> ignored;  // it counts neither as right nor as wrong
};

struct JudgedImage {
  std::vector<JudgedDetection> detections;  // the best first
  std::size_t num_objects = 0;              // that are to be found
};

class CocoMatcher {
 public:
  // `detections` as they stand in their file, of which this keeps the best.
  CocoMatcher(std::vector<const CocoObject*> objects, std::vector<const CocoDetection*> detections);

  // Objects outside the range need not be found; detections outside it that find none are ignored.
  JudgedImage judge(const AreaRange& range) const;

 private:
  struct Ranked {
    std::size_t idx;
    bool ignored;
  };
  std::vector<Ranked> ranked_objects(const AreaRange& range) const;
  void match(std::size_t overlap_idx, std::span<const Ranked> objects, JudgedImage& image) const;
  double overlap(std::size_t detection, std::size_t object) const {
    return overlaps_[detection * objects_.size() + object];
  }

  std::vector<const CocoObject*> objects_;
  std::vector<const CocoDetection*> detections_;  // the best first
  std::vector<double> overlaps_;                  // [detection][object]
};

}  // namespace nestor
