#include "engine/backends/cuda/conversion.h"

#include <algorithm>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/check.h"
#include "kernels/layout/layout.h"

namespace nestor::cuda {

namespace {

// Images to the kernels' layout, or to plain float32.
StepChoice normalise(const Shape& shape, BufferFormat from, BufferFormat to, CudaBackend& backend) {
  const bool to_plain = to.layout == Layout::kPlain;
  CHECK(!to_plain || to.dtype == DType::kFloat32, "CUDA has no conversion from {} to {}",
        to_string(from), to_string(to));
  const auto bytes = static_cast<std::int64_t>(backend.buffer_bytes(shape, from) +
                                               backend.buffer_bytes(shape, to));
  StepChoice choice{.variant = to_plain ? "images_to_nchw" : "images_to_nhwc",
                    .inputs = {from},
                    .output = to,
                    .kernel = nullptr};
  choice.gpu = streaming_launch(shape[0] * pixels(shape), bytes, 0, backend.spec());
  ImagesArgs args{
      .dtype = to.dtype == DType::kFloat16 ? DeviceDType::kFloat16 : DeviceDType::kFloat32,
      .n = static_cast<int>(shape[0]),
      .pixels = static_cast<int>(pixels(shape))};
  std::ranges::copy(from.levels->mean, args.mean);
  std::ranges::copy(from.levels->std, args.std);
  choice.kernel = std::make_unique<SimpleKernel<ImagesArgs>>(
      backend, choice.variant,
      to_plain ? &DeviceLibrary::images_to_nchw : &DeviceLibrary::images_to_nhwc, args,
      [](ImagesArgs& at, const Kernel& step) {
        at.src = step.input<std::uint8_t>(0);
        at.dst = step.output<void>();
      });
  return choice;
}

}  // namespace

StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                             CudaBackend& backend) {
  if (from.levels) return normalise(shape, from, to, backend);
  const bool to_nhwc = from.layout == Layout::kPlain && to.layout == Layout::kNhwc8;
  const bool to_plain = from.layout == Layout::kNhwc8 && to.layout == Layout::kPlain;
  const BufferFormat& plain = to_nhwc ? from : to;
  const BufferFormat& nhwc = to_nhwc ? to : from;
  CHECK((to_nhwc || to_plain) && plain.dtype == DType::kFloat32,
        "CUDA has no conversion from {} to {}", to_string(from), to_string(to));
  const auto bytes = static_cast<std::int64_t>(backend.buffer_bytes(shape, from) +
                                               backend.buffer_bytes(shape, to));
  StepChoice choice{.variant = to_nhwc ? "nchw_to_nhwc" : "nhwc_to_nchw",
                    .inputs = {from},
                    .output = to,
                    .kernel = nullptr};
  choice.gpu =
      streaming_launch(shape[0] * pixels(shape) * padded8(shape[1]) / 8, bytes, 0, backend.spec());
  const bool half = nhwc.dtype == DType::kFloat16;
  choice.kernel = std::make_unique<SimpleKernel<LayoutArgs>>(
      backend, choice.variant,
      to_nhwc ? &DeviceLibrary::nchw_to_nhwc : &DeviceLibrary::nhwc_to_nchw,
      LayoutArgs{.dtype = half ? DeviceDType::kFloat16 : DeviceDType::kFloat32,
                 .n = static_cast<int>(shape[0]),
                 .c = static_cast<int>(shape[1]),
                 .pixels = static_cast<int>(pixels(shape))},
      [](LayoutArgs& args, const Kernel& step) {
        args.src = step.input<void>(0);
        args.dst = step.output<void>();
      });
  return choice;
}

}  // namespace nestor::cuda
