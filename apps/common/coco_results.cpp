#include "apps/common/coco_results.h"

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "library/labels/labels.h"

namespace nestor {

std::int64_t coco_image_id(const std::string& file, std::size_t idx) {
  const std::string stem = std::filesystem::path(file).stem().string();
  std::int64_t id = 0;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), id);
  const bool is_number = error == std::errc() && end == stem.data() + stem.size() && id >= 0;
  return is_number ? id : static_cast<std::int64_t>(idx) + 1;
}

int coco_category_id(int class_id, int num_classes) {
  const auto ids = coco_category_ids();
  const bool coco = static_cast<std::size_t>(num_classes) == ids.size();
  return coco ? ids[static_cast<std::size_t>(class_id)] : class_id + 1;
}

std::array<float, 4> coco_box(const std::array<float, 4>& corners, int width, int height) {
  const auto within = [](float x, int end) { return std::clamp(x, 0.0F, static_cast<float>(end)); };
  const float x1 = within(corners[0], width), y1 = within(corners[1], height);
  const float x2 = within(corners[2], width), y2 = within(corners[3], height);
  return {x1, y1, x2 - x1 + 1, y2 - y1 + 1};
}

}  // namespace nestor
