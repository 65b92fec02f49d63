#include "engine/backends/cuda/conversion.h"

#include <algorithm>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/check.h"
#include "kernels/layout/layout.h"

namespace nestor::cuda {

namespace {

// A thread for 8 channels of a pixel. The caller sets `kernel`.
StepChoice streaming_choice(std::string variant, const Shape& shape, const BufferFormat& from,
                            const BufferFormat& to, const CudaBackend& backend) {
  const auto bytes = static_cast<std::int64_t>(backend.buffer_bytes(shape, from) +
                                               backend.buffer_bytes(shape, to));
  const std::int64_t threads = shape[0] * pixels(shape) * padded8(shape[1]) / 8;
  return {.variant = std::move(variant),
          .inputs = {from},
          .outputs = {to},
          .kernel = nullptr,
          .gpu = streaming_launch(threads, bytes, 0, backend.spec())};
}

DeviceDType device_dtype(const BufferFormat& format) {
  return format.dtype == DType::kFloat16 ? DeviceDType::kFloat16 : DeviceDType::kFloat32;
}

// Images to the kernels' layout, or to plain float32.
StepChoice normalise(const Shape& shape, const BufferFormat& from, const BufferFormat& to,
                     CudaBackend& backend) {
  const bool to_plain = to.layout == Layout::kPlain;
  CHECK(!to_plain || to.dtype == DType::kFloat32, "CUDA has no conversion from {} to {}",
        to_string(from), to_string(to));
  StepChoice choice =
      streaming_choice(to_plain ? "images_to_nchw" : "images_to_nhwc", shape, from, to, backend);
  ImagesArgs args{.dtype = device_dtype(to),
                  .n = static_cast<int>(shape[0]),
                  .pixels = static_cast<int>(pixels(shape))};
  std::ranges::copy(from.levels->mean, args.mean);
  std::ranges::copy(from.levels->std, args.std);
  choice.kernel = make_kernel<SimpleKernel<ImagesArgs>>(backend, choice.variant, choice.variant,
                                                        args, src_to_dst<ImagesArgs>);
  return choice;
}

}  // namespace

StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                             CudaBackend& backend) {
  if (from.levels) return normalise(shape, from, to, backend);
  if (from.layout == to.layout) return {};  // another storage: by way of plain float32
  const bool to_nhwc = from.layout == Layout::kPlain && to.layout == Layout::kNhwc8;
  const bool to_plain = from.layout == Layout::kNhwc8 && to.layout == Layout::kPlain;
  const BufferFormat& plain = to_nhwc ? from : to;
  const BufferFormat& nhwc = to_nhwc ? to : from;
  CHECK((to_nhwc || to_plain) && plain.dtype == DType::kFloat32,
        "CUDA has no conversion from {} to {}", to_string(from), to_string(to));
  StepChoice choice =
      streaming_choice(to_nhwc ? "nchw_to_nhwc" : "nhwc_to_nchw", shape, from, to, backend);
  choice.kernel =
      make_kernel<SimpleKernel<LayoutArgs>>(backend, choice.variant, choice.variant,
                                            LayoutArgs{.dtype = device_dtype(nhwc),
                                                       .n = static_cast<int>(shape[0]),
                                                       .c = static_cast<int>(shape[1]),
                                                       .pixels = static_cast<int>(pixels(shape))},
                                            src_to_dst<LayoutArgs>);
  return choice;
}

}  // namespace nestor::cuda
