#include "apps/evaluation/category_contents.h"

#include <algorithm>

namespace nestor {

namespace {

// The list to which what is in that category and image belongs; null if either is not known.
ImageContents* contents_of(std::map<std::int64_t, CategoryContents>& categories,
                           const CocoAnnotations& annotations, std::int64_t category_id,
                           std::int64_t image_id) {
  const auto category = categories.find(category_id);
  if (category == categories.end()) return nullptr;
  if (!std::ranges::binary_search(annotations.images, image_id, {}, &CocoImage::id)) return nullptr;
  return &category->second[image_id];
}

}  // namespace

std::map<std::int64_t, CategoryContents> by_category(const CocoAnnotations& annotations,
                                                     std::span<const CocoDetection> detections) {
  std::map<std::int64_t, CategoryContents> categories;
  for (const CocoCategory& category : annotations.categories) categories[category.id];
  for (const CocoObject& object : annotations.objects) {
    ImageContents* const contents =
        contents_of(categories, annotations, object.category_id, object.image_id);
    if (contents != nullptr) contents->objects.push_back(&object);
  }
  for (const CocoDetection& detection : detections) {
    ImageContents* const contents =
        contents_of(categories, annotations, detection.category_id, detection.image_id);
    if (contents != nullptr) contents->detections.push_back(&detection);
  }
  return categories;
}

}  // namespace nestor
