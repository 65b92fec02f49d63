#include "apps/evaluation/coco_matching.h"

#include <algorithm>

#include "apps/evaluation/box_overlap.h"

namespace nestor {

namespace {

// Intersection over union; of a crowd, which may hold many, over the detection's own area.
double overlap_of(const CocoBox& found, const CocoObject& object) {
  const double both = intersection(found, object.box);
  if (both == 0) return 0;
  return both / (object.crowd ? area(found) : area(found) + area(object.box) - both);
}

}  // namespace

const std::array<double, kNumOverlaps>& coco_overlaps() {
  static const std::array<double, kNumOverlaps> overlaps = [] {
    const double step = (0.95 - 0.5) / (kNumOverlaps - 1);
    std::array<double, kNumOverlaps> all;
    for (std::size_t i = 0; i < kNumOverlaps; ++i) all[i] = static_cast<double>(i) * step + 0.5;
    all.back() = 0.95;
    return all;
  }();
  return overlaps;
}

CocoMatcher::CocoMatcher(std::vector<const CocoObject*> objects,
                         std::vector<const CocoDetection*> detections)
    : objects_(std::move(objects)), detections_(std::move(detections)) {
  std::ranges::stable_sort(detections_, std::greater{}, &CocoDetection::score);
  detections_.resize(std::min(detections_.size(), kMostDetections));
  overlaps_.reserve(detections_.size() * objects_.size());
  for (const CocoDetection* const detection : detections_) {
    for (const CocoObject* const object : objects_) {
      overlaps_.push_back(overlap_of(detection->box, *object));
    }
  }
}

// Those to be found come first.
std::vector<CocoMatcher::Ranked> CocoMatcher::ranked_objects(const AreaRange& range) const {
  std::vector<Ranked> ranked;
  for (std::size_t i = 0; i < objects_.size(); ++i) {
    ranked.push_back({i, objects_[i]->crowd || !range.contains(objects_[i]->area)});
  }
  std::ranges::stable_sort(ranked, {}, &Ranked::ignored);
  return ranked;
}

void CocoMatcher::match(std::size_t overlap_idx, std::span<const Ranked> objects,
                        JudgedImage& image) const {
  std::vector<bool> taken(objects_.size());
  for (std::size_t d = 0; d < detections_.size(); ++d) {
    double best = std::min(coco_overlaps()[overlap_idx], 1 - 1e-10);
    const Ranked* match = nullptr;
    for (const Ranked& object : objects) {
      if (taken[object.idx] && !objects_[object.idx]->crowd) continue;
      // An object to be found is never given up for one that is ignored.
      if (match != nullptr && !match->ignored && object.ignored) break;
      if (overlap(d, object.idx) < best) continue;
      best = overlap(d, object.idx);
      match = &object;
    }
    if (match == nullptr) continue;
    taken[match->idx] = true;
    image.detections[d].ignored[overlap_idx] = match->ignored;
    // pycocotools notes the object's id and takes 0 for none.
    image.detections[d].matched[overlap_idx] = objects_[match->idx]->id != 0;
  }
}

JudgedImage CocoMatcher::judge(const AreaRange& range) const {
  const std::vector<Ranked> objects = ranked_objects(range);
  JudgedImage image;
  image.num_objects =
      static_cast<std::size_t>(std::ranges::count(objects, false, &Ranked::ignored));
  for (std::size_t d = 0; d < detections_.size(); ++d) {
    image.detections.push_back({.score = detections_[d]->score});
  }
  for (std::size_t i = 0; i < kNumOverlaps; ++i) match(i, objects, image);
  for (std::size_t d = 0; d < detections_.size(); ++d) {
    JudgedDetection& judged = image.detections[d];
    if (!range.contains(area(detections_[d]->box))) judged.ignored |= ~judged.matched;
  }
  return image;
}

}  // namespace nestor
