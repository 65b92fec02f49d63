#pragma once
// Conversions between the engine's plain tensors and the kernels' layout: NHWC, channels padded to
// a multiple of 8 by zeros. Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

struct LayoutArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of the NHWC side; the plain side is float32
  const void* src = nullptr;
  void* dst = nullptr;
  int n = 0, c = 0, pixels = 0;  // c without padding
};
// [n][c][pixels] -> [n][pixels][c padded to 8]
DeviceStatus nchw_to_nhwc(const LayoutArgs& args, Stream stream);
// [n][pixels][c padded to 8] -> [n][c][pixels]; the padding is not read.
DeviceStatus nhwc_to_nchw(const LayoutArgs& args, Stream stream);

// RGB images, normalised exactly as the engine's preprocessing does: (level / 255 - mean) / std in
// float32, then rounded to dtype.
struct ImagesArgs {
  DeviceDType dtype = DeviceDType::kFloat16;  // of dst
  const std::uint8_t* src = nullptr;          // [n][pixels][3]
  void* dst = nullptr;
  int n = 0, pixels = 0;
  float mean[3] = {0.485f, 0.456f, 0.406f};
  float std[3] = {0.229f, 0.224f, 0.225f};
};
// dst [n][pixels][8]; channels 3 to 7 become zero.
DeviceStatus images_to_nhwc(const ImagesArgs& args, Stream stream);
// dst [n][3][pixels], float32.
DeviceStatus images_to_nchw(const ImagesArgs& args, Stream stream);

}  // namespace nestor
