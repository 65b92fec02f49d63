#include "kernels/runtime/library.h"

#include "kernels/add/add.h"
#include "kernels/attention_sum/attention_sum.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/fused_convolution.h"
#include "kernels/convolution_max_pool/convolution_max_pool.h"
#include "kernels/dense/dense.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/layout/layout.h"
#include "kernels/pooling/pooling.h"
#include "kernels/r_softmax/r_softmax.h"
#include "kernels/radix_sum/radix_sum.h"
#include "kernels/relu/relu.h"
#include "kernels/split_attention/split_attention.h"
#include "kernels/stem_convolution/stem_convolution.h"
#include "kernels/top_k/top_k.h"

extern "C" __attribute__((visibility("default"))) const nestor::DeviceLibrary*
nestor_device_library(std::uint32_t version) {
  static const nestor::DeviceLibrary library = {
      nestor::kDeviceLibraryVersion,
      nestor::cuda_toolkit(),
      nestor::count_cuda_devices,
      nestor::make_cuda_runtime,
      nestor::pooled_sums,
      nestor::split_attention,
      nestor::pooling,
      nestor::global_average_pool,
      nestor::dense,
      nestor::top_k,
      nestor::nchw_to_nhwc,
      nestor::nhwc_to_nchw,
      nestor::images_to_nhwc,
      nestor::images_to_nchw,
      nestor::add,
      nestor::relu,
      nestor::batch_norm,
      nestor::radix_sum,
      nestor::r_softmax,
      nestor::attention_sum,
      nestor::stem_convolution,
      nestor::stem_convolution_mma,
      nestor::convolution,
      nestor::convolution_max_pool,
      nestor::fused_convolution,
  };
  return version == nestor::kDeviceLibraryVersion ? &library : nullptr;
}
