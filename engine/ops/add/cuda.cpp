#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"
#include "kernels/add/add.h"

namespace nestor {

namespace {

StepChoice add(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<cuda::SimpleKernel<AddArgs>>(
      backend, request.node.name, &DeviceLibrary::add,
      AddArgs{.dtype = cuda::device_dtype(request.precision),
              .count = dst[0] * cuda::pixels(dst) * cuda::padded8(dst[1])},
      [](AddArgs& args, const cuda::Kernel& step) {
        args.a = step.input<void>(0);
        args.b = step.input<void>(1);
        args.dst = step.output<void>();
      });
  return choice;
}

}  // namespace

std::span<const CudaVariant> add_cuda() {
  static constexpr CudaVariant kVariants[] = {{"add", add}};
  return kVariants;
}

}  // namespace nestor
