#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "kernels/radix_sum/radix_sum.h"

namespace nestor {

namespace {

StepChoice radix_sum(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  if (dst[1] % 8 != 0) return {};
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<cuda::SimpleKernel<RadixSumArgs>>(
      backend, request.node.name, &DeviceLibrary::radix_sum,
      RadixSumArgs{.dtype = cuda::device_dtype(request.precision),
                   .pixels = dst[0] * cuda::pixels(dst),
                   .width = static_cast<int>(dst[1]),
                   .radix = params<RadixSumParams>(request.node).radix},
      [](RadixSumArgs& args, const cuda::Kernel& step) {
        args.src = step.input<void>(0);
        args.dst = step.output<void>();
      });
  return choice;
}

}  // namespace

std::span<const CudaVariant> radix_sum_cuda() {
  static constexpr CudaVariant kVariants[] = {{"radix_sum", radix_sum}};
  return kVariants;
}

}  // namespace nestor
