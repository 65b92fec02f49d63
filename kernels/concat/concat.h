#pragma once
// Tensors one behind the other along their channels (engine/ops/concat/concat.h). Asynchronous.

#include "kernels/device/storage.h"

namespace nestor {

constexpr int kMaxConcatSources = 8;

struct ConcatSource {
  const void* data = nullptr;  // [pixels][channels padded to a multiple of 8]
  int channels = 0;
};

struct ConcatArgs {
  DeviceDType dtype = DeviceDType::kFloat16;
  ConcatSource sources[kMaxConcatSources];
  int num_sources = 0;
  void* dst = nullptr;      // [pixels][sum of channels, padded to a multiple of 8 by zeros]
  std::int64_t pixels = 0;  // of all images
};
DeviceStatus concat(const ConcatArgs& args, Stream stream);

}  // namespace nestor
