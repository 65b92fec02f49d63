#include "engine/boxes/kept_boxes.h"

namespace nestor {

namespace {

constexpr std::int64_t kGroup = 16;  // boxes that are compared before anything is decided

std::int64_t in_groups(std::int64_t count) { return (count + kGroup - 1) / kGroup * kGroup; }

}  // namespace

std::size_t KeptBoxes::num_floats(std::int64_t most) {
  return static_cast<std::size_t>(5 * in_groups(most));
}

KeptBoxes::KeptBoxes(float* memory, std::int64_t most)
    : x1_(memory),
      y1_(x1_ + in_groups(most)),
      x2_(y1_ + in_groups(most)),
      y2_(x2_ + in_groups(most)),
      area_(y2_ + in_groups(most)) {}

void KeptBoxes::add(const Box& box) {
  if (size_ % kGroup == 0) {  // boxes without area fill the new group: they overlap nothing
    for (float* const row : {x1_, y1_, x2_, y2_, area_}) std::fill_n(row + size_, kGroup, 0.0F);
  }
  x1_[size_] = box.x1;
  y1_[size_] = box.y1;
  x2_[size_] = box.x2;
  y2_[size_] = box.y2;
  area_[size_] = area(box);
  ++size_;
}

bool KeptBoxes::admits(const Box& box, float threshold) const {
  const float own = area(box);
  for (std::int64_t first = 0; first < size_; first += kGroup) {
    int suppressed = 0;
#pragma omp simd reduction(| : suppressed)
    for (std::int64_t i = first; i < first + kGroup; ++i) {
      const float right = x2_[i] < box.x2 ? x2_[i] : box.x2;
      const float left = x1_[i] > box.x1 ? x1_[i] : box.x1;
      const float bottom = y2_[i] < box.y2 ? y2_[i] : box.y2;
      const float top = y1_[i] > box.y1 ? y1_[i] : box.y1;
      const float w = right - left > 0 ? right - left : 0.0F;
      const float h = bottom - top > 0 ? bottom - top : 0.0F;
      const float shared = w * h;
      suppressed |= shared / (area_[i] + own - shared) > threshold ? 1 : 0;
    }
    if (suppressed != 0) return false;
  }
  return true;
}

}  // namespace nestor
