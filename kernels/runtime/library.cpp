#include "kernels/runtime/library.h"

#include <iterator>

#include "kernels/add/add.h"
#include "kernels/anchor_rows/anchor_rows.h"
#include "kernels/attention_sum/attention_sum.h"
#include "kernels/batch_norm/batch_norm.h"
#include "kernels/class_map/class_map.h"
#include "kernels/concat/concat.h"
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/fused_convolution.h"
#include "kernels/convolution_max_pool/convolution_max_pool.h"
#include "kernels/dense/dense.h"
#include "kernels/depthwise_convolution/depthwise_convolution.h"
#include "kernels/detections/detections.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/image_bias/image_bias.h"
#include "kernels/layout/layout.h"
#include "kernels/pooling/pooling.h"
#include "kernels/proposals/proposals.h"
#include "kernels/r_softmax/r_softmax.h"
#include "kernels/radix_sum/radix_sum.h"
#include "kernels/relu/relu.h"
#include "kernels/resize_bilinear/resize_bilinear.h"
#include "kernels/roi_align/roi_align.h"
#include "kernels/split_attention/split_attention.h"
#include "kernels/stem_convolution/stem_convolution.h"
#include "kernels/swish/swish.h"
#include "kernels/top_k/top_k.h"
#include "kernels/upsample_add/upsample_add.h"

namespace nestor {

namespace {

const DeviceLibrary& device_library() {
  static const LauncherRow launchers[] = {
      launcher_row("pooled_sums", pooled_sums),
      launcher_row("split_attention", split_attention),
      launcher_row("pooling", pooling),
      launcher_row("global_average_pool", global_average_pool),
      launcher_row("dense", dense),
      launcher_row("top_k", top_k),
      launcher_row("nchw_to_nhwc", nchw_to_nhwc),
      launcher_row("nhwc_to_nchw", nhwc_to_nchw),
      launcher_row("images_to_nhwc", images_to_nhwc),
      launcher_row("images_to_nchw", images_to_nchw),
      launcher_row("add", add),
      launcher_row("upsample_add", upsample_add),
      launcher_row("anchor_rows", anchor_rows),
      launcher_row("proposals", proposals),
      launcher_row("roi_align", roi_align),
      launcher_row("detections", detections),
      launcher_row("relu", relu),
      launcher_row("swish", swish),
      launcher_row("batch_norm", batch_norm),
      launcher_row("concat", concat),
      launcher_row("radix_sum", radix_sum),
      launcher_row("r_softmax", r_softmax),
      launcher_row("attention_sum", attention_sum),
      launcher_row("image_bias", image_bias),
      launcher_row("resize_bilinear", resize_bilinear),
      launcher_row("class_map", class_map),
      launcher_row("stem_convolution", stem_convolution),
      launcher_row("stem_convolution_mma", stem_convolution_mma),
      launcher_row("convolution", convolution),
      launcher_row("convolution_max_pool", convolution_max_pool),
      launcher_row("fused_convolution", fused_convolution),
      launcher_row("depthwise_convolution", depthwise_convolution),
  };
  static const DeviceLibrary library = {
      .version = kDeviceLibraryVersion,
      .toolkit = cuda_toolkit(),
      .count_devices = count_cuda_devices,
      .make_runtime = make_cuda_runtime,
      .launchers = launchers,
      .num_launchers = std::size(launchers),
  };
  return library;
}

}  // namespace

}  // namespace nestor

extern "C" __attribute__((visibility("default"))) const nestor::DeviceLibrary*
nestor_device_library(std::uint32_t version) {
  return version == nestor::kDeviceLibraryVersion ? &nestor::device_library() : nullptr;
}
