#include "apps/evaluation/voc_metric.h"

#include <algorithm>

#include "apps/evaluation/box_overlap.h"
#include "apps/evaluation/category_contents.h"

namespace nestor {

namespace {

struct Judged {
  double score;
  bool right;
};

bool counts(const CocoObject& object) { return !object.difficult && !object.crowd; }

double overlap_of(const CocoDetection& detection, const CocoObject& object) {
  const double both = intersection(detection.box, object.box);
  return both == 0 ? 0 : both / (area(detection.box) + area(object.box) - both);
}

// The index of the object that the detection overlaps most, the first of several; -1: by less than
// `least_overlap`.
std::ptrdiff_t best_object(const CocoDetection& detection,
                           const std::vector<const CocoObject*>& objects, double least_overlap) {
  std::ptrdiff_t best = -1;
  double most = least_overlap;
  for (std::size_t i = 0; i < objects.size(); ++i) {
    const double overlap = overlap_of(detection, *objects[i]);
    if (overlap > most || (best < 0 && overlap == most)) {
      best = static_cast<std::ptrdiff_t>(i);
      most = overlap;
    }
  }
  return best;
}

void judge(ImageContents& image, double least_overlap, std::vector<Judged>& all) {
  std::ranges::stable_sort(image.detections, std::greater{}, &CocoDetection::score);
  std::vector<bool> found(image.objects.size());
  for (const CocoDetection* const detection : image.detections) {
    const std::ptrdiff_t best = best_object(*detection, image.objects, least_overlap);
    if (best < 0) {
      all.push_back({detection->score, false});
      continue;
    }
    const auto idx = static_cast<std::size_t>(best);
    if (counts(*image.objects[idx])) all.push_back({detection->score, !found[idx]});
    found[idx] = true;
  }
}

struct Point {
  double recall, precision;
};

// One a detection, the best first.
std::vector<Point> curve_of(std::vector<Judged> detections, double num_objects) {
  std::ranges::stable_sort(detections, std::greater{}, &Judged::score);
  std::vector<Point> curve;
  double right = 0, all = 0;
  for (const Judged& detection : detections) {
    right += detection.right ? 1 : 0;
    curve.push_back({right / num_objects, right / ++all});
  }
  return curve;
}

double area_below(const std::vector<Point>& curve) {
  double sum = 0, precision = 0;
  for (std::size_t i = curve.size(); i-- > 0;) {
    precision = std::max(precision, curve[i].precision);
    sum += (curve[i].recall - (i > 0 ? curve[i - 1].recall : 0)) * precision;
  }
  return sum;
}

// The mean of the best precision at the recalls 0, 0.1, ... 1, as NumPy's arange rounds them.
double mean_at_11(const std::vector<Point>& curve) {
  double sum = 0;
  for (int i = 0; i <= 10; ++i) {
    double best = 0;
    for (const Point& point : curve) {
      if (point.recall >= i * 0.1) best = std::max(best, point.precision);
    }
    sum += best / 11;
  }
  return sum;
}

VocCategoryResult evaluate(std::int64_t category_id, CategoryContents& images,
                           double least_overlap) {
  std::vector<Judged> detections;
  std::ptrdiff_t num_objects = 0;
  for (auto& [id, image] : images) {
    judge(image, least_overlap, detections);
    num_objects += std::ranges::count_if(image.objects, [](auto* o) { return counts(*o); });
  }
  if (num_objects == 0) return {.category_id = category_id};
  const std::vector<Point> curve = curve_of(detections, static_cast<double>(num_objects));
  return {.category_id = category_id, .ap = area_below(curve), .ap07 = mean_at_11(curve)};
}

}  // namespace

VocResult evaluate_voc(const CocoAnnotations& annotations,
                       std::span<const CocoDetection> detections, double least_overlap) {
  std::map<std::int64_t, CategoryContents> grouped = by_category(annotations, detections);
  VocResult result;
  double sum = 0, sum07 = 0;
  int count = 0;
  for (auto& [id, images] : grouped) {
    result.categories.push_back(evaluate(id, images, least_overlap));
    if (result.categories.back().ap < 0) continue;
    sum += result.categories.back().ap;
    sum07 += result.categories.back().ap07;
    ++count;
  }
  if (count > 0) {
    result.ap = sum / count;
    result.ap07 = sum07 / count;
  }
  return result;
}

}  // namespace nestor
