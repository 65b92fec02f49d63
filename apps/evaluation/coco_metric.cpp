#include "apps/evaluation/coco_metric.h"

#include <algorithm>
#include <limits>
#include <map>

#include "apps/evaluation/category_contents.h"
#include "apps/evaluation/coco_matching.h"

namespace nestor {

namespace {

constexpr std::size_t kNumRecalls = 101;  // 0, 0.01, ... 1
constexpr std::size_t kMaxDetections[] = {1, 10, kMostDetections};
constexpr double kSmall = 32 * 32, kMedium = 96 * 96, kLarge = 1e5 * 1e5;
constexpr AreaRange kAreas[] = {{0, kLarge}, {0, kSmall}, {kSmall, kMedium}, {kMedium, kLarge}};
constexpr std::size_t kNumAreas = std::size(kAreas), kNumLimits = std::size(kMaxDetections);

// Of one category, area range and limit of detections. -1: no objects.
struct Curve {
  std::array<double, kNumOverlaps> recall;     // of all detections
  std::array<double, kNumOverlaps> precision;  // mean over the recalls
};

struct Category {
  std::array<std::array<Curve, kNumLimits>, kNumAreas> curves;  // [area][limit]
};

// The mean over kNumRecalls of the best precision at that recall or a higher one.
double mean_precision(const std::vector<double>& recalls, std::vector<double> precisions) {
  for (std::size_t i = precisions.size(); i-- > 1;) {
    precisions[i - 1] = std::max(precisions[i - 1], precisions[i]);
  }
  double sum = 0;
  for (std::size_t i = 0; i < kNumRecalls; ++i) {
    const double recall = i + 1 == kNumRecalls ? 1 : static_cast<double>(i) * 0.01;
    const auto first = std::ranges::lower_bound(recalls, recall);
    if (first != recalls.end()) {
      sum += precisions[static_cast<std::size_t>(first - recalls.begin())];
    }
  }
  return sum / kNumRecalls;
}

void add_overlap(std::span<const JudgedDetection> detections, double num_objects, std::size_t idx,
                 Curve& curve) {
  std::vector<double> recalls, precisions;
  double right = 0, wrong = 0;
  for (const JudgedDetection& detection : detections) {
    if (!detection.ignored[idx]) ++(detection.matched[idx] ? right : wrong);
    recalls.push_back(right / num_objects);
    precisions.push_back(right / (wrong + right + std::numeric_limits<double>::epsilon()));
  }
  curve.recall[idx] = recalls.empty() ? 0 : recalls.back();
  curve.precision[idx] = mean_precision(recalls, std::move(precisions));
}

// `images` in the order of their ids, which decides between detections of one score.
Curve curve_of(std::span<const JudgedImage> images, std::size_t limit) {
  Curve curve;
  curve.recall.fill(-1);
  curve.precision.fill(-1);
  std::size_t num_objects = 0;
  std::vector<JudgedDetection> detections;
  for (const JudgedImage& image : images) {
    num_objects += image.num_objects;
    const std::size_t count = std::min(image.detections.size(), limit);
    detections.insert(detections.end(), image.detections.begin(),
                      image.detections.begin() + static_cast<std::ptrdiff_t>(count));
  }
  if (num_objects == 0) return curve;
  std::ranges::stable_sort(detections, std::greater{}, &JudgedDetection::score);
  for (std::size_t i = 0; i < kNumOverlaps; ++i) {
    add_overlap(detections, static_cast<double>(num_objects), i, curve);
  }
  return curve;
}

Category category_of(std::span<const CocoMatcher> images) {
  Category category;
  for (std::size_t a = 0; a < kNumAreas; ++a) {
    std::vector<JudgedImage> judged;
    for (const CocoMatcher& image : images) judged.push_back(image.judge(kAreas[a]));
    for (std::size_t m = 0; m < kNumLimits; ++m) {
      category.curves[a][m] = curve_of(judged, kMaxDetections[m]);
    }
  }
  return category;
}

Category evaluate(CategoryContents& images) {
  std::vector<CocoMatcher> matchers;
  for (auto& [id, contents] : images) {
    matchers.emplace_back(std::move(contents.objects), std::move(contents.detections));
  }
  return category_of(matchers);
}

// Of values that are not -1; -1 if there are none.
class Mean {
 public:
  void add(double value) {
    if (value < 0) return;
    sum_ += value;
    ++count_;
  }
  double value() const { return count_ == 0 ? -1 : sum_ / static_cast<double>(count_); }

 private:
  double sum_ = 0;
  std::size_t count_ = 0;
};

using Values = std::array<double, kNumOverlaps> Curve::*;

// Over all categories and overlaps.
double mean_of(std::span<const Category> categories, Values values, std::size_t area,
               std::size_t limit) {
  Mean mean;
  for (const Category& category : categories) {
    for (const double value : category.curves[area][limit].*values) mean.add(value);
  }
  return mean.value();
}

double precision_at(std::span<const Category> categories, std::size_t overlap_idx) {
  Mean mean;
  for (const Category& category : categories) {
    mean.add(category.curves[0][2].precision[overlap_idx]);
  }
  return mean.value();
}

}  // namespace

CocoResult evaluate_coco(const CocoAnnotations& annotations,
                         std::span<const CocoDetection> detections) {
  CocoResult result;
  std::map<std::int64_t, CategoryContents> grouped = by_category(annotations, detections);
  std::vector<Category> categories;
  for (auto& [id, images] : grouped) {
    categories.push_back(evaluate(images));
    const std::span<const Category> last(&categories.back(), 1);
    result.categories.push_back({.category_id = id,
                                 .ap = mean_of(last, &Curve::precision, 0, 2),
                                 .ap50 = precision_at(last, 0)});
  }
  const auto ap = [&](std::size_t area) { return mean_of(categories, &Curve::precision, area, 2); };
  const auto ar = [&](std::size_t area, std::size_t limit) {
    return mean_of(categories, &Curve::recall, area, limit);
  };
  result.figures = {ap(0),
                    precision_at(categories, 0),
                    precision_at(categories, 5),
                    ap(1),
                    ap(2),
                    ap(3),
                    ar(0, 0),
                    ar(0, 1),
                    ar(0, 2),
                    ar(1, 2),
                    ar(2, 2),
                    ar(3, 2)};
  return result;
}

}  // namespace nestor
