#pragma once
// What a region proposal network says of its anchors, one row of `width` numbers an anchor, levels
// one behind the other (engine/ops/anchor_rows/anchor_rows.h). Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

constexpr int kMaxAnchorLevels = 8;

struct AnchorRowsArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  const void* src[kMaxAnchorLevels] = {};  // [n][cells][channels, padded to a multiple of 8]
  int cells[kMaxAnchorLevels] = {};        // of an image
  float* dst = nullptr;                    // [n][cells of all levels][channels]
  int num_levels = 0;
  int n = 0;
  int channels = 0;  // anchors of a cell * width
};
DeviceStatus anchor_rows(const AnchorRowsArgs& args, Stream stream);

}  // namespace nestor
