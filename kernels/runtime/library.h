#pragma once
// The one door of libnestor_cuda.so. The engine opens the library at run time, asks for this table
// by the version it was compiled with, and gets null from a library of another version.
//
// Nothing of CUDA is linked by libnestor: launchers and runtime are reached through the table only.

#include <cstdint>

#include "kernels/runtime/runtime.h"

namespace nestor {

// Counted up with every change of the table, of DeviceRuntime or of a launcher's arguments.
constexpr std::uint32_t kDeviceLibraryVersion = 6;

struct AddArgs;
struct AttentionSumArgs;
struct BatchNormArgs;
struct ConvolutionArgs;
struct ConvolutionMaxPoolArgs;
struct DenseArgs;
struct FusedConvolutionArgs;
struct GlobalAveragePoolArgs;
struct ImagesArgs;
struct LayoutArgs;
struct PooledSumsArgs;
struct PoolingArgs;
struct RSoftmaxArgs;
struct RadixSumArgs;
struct ReluArgs;
struct SplitAttentionArgs;
struct StemConvolutionArgs;
struct TopKArgs;

template <class Args>
using Launcher = DeviceStatus (*)(const Args& args, Stream stream);

struct DeviceLibrary {
  std::uint32_t version;
  const char* toolkit;  // that compiled it: "12.4"
  DeviceStatus (*count_devices)(int& count);
  // Null where there is no memory for it. Deleted by the caller, before the library is closed.
  DeviceRuntime* (*make_runtime)(int device);

  // The launchers, each declared with its arguments in kernels/<op>/<op>.h.
  Launcher<PooledSumsArgs> pooled_sums;
  Launcher<SplitAttentionArgs> split_attention;
  Launcher<PoolingArgs> pooling;
  Launcher<GlobalAveragePoolArgs> global_average_pool;
  Launcher<DenseArgs> dense;
  Launcher<TopKArgs> top_k;
  Launcher<LayoutArgs> nchw_to_nhwc;
  Launcher<LayoutArgs> nhwc_to_nchw;
  Launcher<ImagesArgs> images_to_nhwc;
  Launcher<ImagesArgs> images_to_nchw;
  Launcher<AddArgs> add;
  Launcher<ReluArgs> relu;
  Launcher<BatchNormArgs> batch_norm;
  Launcher<RadixSumArgs> radix_sum;
  Launcher<RSoftmaxArgs> r_softmax;
  Launcher<AttentionSumArgs> attention_sum;
  Launcher<StemConvolutionArgs> stem_convolution;
  Launcher<StemConvolutionArgs> stem_convolution_mma;
  Launcher<ConvolutionArgs> convolution;
  Launcher<ConvolutionMaxPoolArgs> convolution_max_pool;
  Launcher<FusedConvolutionArgs> fused_convolution;
};

inline constexpr char kDeviceLibraryEntry[] = "nestor_device_library";
using DeviceLibraryEntry = const DeviceLibrary* (*)(std::uint32_t version);

// What library.cpp makes the table of.
const char* cuda_toolkit();
DeviceStatus count_cuda_devices(int& count);
DeviceRuntime* make_cuda_runtime(int device);

}  // namespace nestor
