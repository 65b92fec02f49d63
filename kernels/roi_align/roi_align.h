#pragma once
// Regions pooled to bins from the pyramid level of their size (engine/ops/roi_align/roi_align.h), of
// all levels and images in one launch. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

constexpr int kMaxRoiLevels = 6;

struct RoiLevel {
  const void* map = nullptr;  // [n][h][w][c]
  int h = 0, w = 0;
  float scale = 0;  // 1 / stride
  // Regions with w * h of at least that much, w and h with + 1, belong here or to a later level.
  double smallest_area = 0;
};

struct RoiAlignArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const float* boxes = nullptr;         // [n][rois][4]
  const std::int32_t* count = nullptr;  // [n], regions in use; negative: none
  void* dst = nullptr;                  // [n][rois][bins_h][bins_w][c]; rows not in use stay
  RoiLevel levels[kMaxRoiLevels];       // the finest first; its smallest_area does not matter
  int num_levels = 0;
  int n = 0, rois = 0;
  int c = 0;  // a multiple of 8
  int bins_h = 0, bins_w = 0, samples = 0;
};
DeviceStatus roi_align(const RoiAlignArgs& args, Stream stream);

}  // namespace nestor
