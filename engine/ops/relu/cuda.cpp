#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "kernels/relu/relu.h"

namespace nestor {

namespace {

StepChoice relu(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<cuda::SimpleKernel<ReluArgs>>(
      backend, request.node.name, &DeviceLibrary::relu,
      ReluArgs{.dtype = cuda::device_dtype(request.precision),
               .count = dst[0] * cuda::pixels(dst) * cuda::padded8(dst[1])},
      [](ReluArgs& args, const cuda::Kernel& step) {
        args.src = step.input<void>(0);
        args.dst = step.output<void>();
      });
  return choice;
}

}  // namespace

std::span<const CudaVariant> relu_cuda() {
  static constexpr CudaVariant kVariants[] = {{"relu", relu}};
  return kVariants;
}

}  // namespace nestor
