#include "engine/backends/cuda/streaming.h"
#include "kernels/add/add.h"

namespace nestor {

namespace {

StepChoice add(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  return cuda::streaming(request, backend, "add", cuda::activation_choice(request),
                         AddArgs{.dtype = cuda::device_dtype(request.precision),
                                 .count = dst[0] * cuda::pixels(dst) * cuda::padded8(dst[1])},
                         [](AddArgs& args, const cuda::Kernel& step) {
                           args.a = step.input<void>(0);
                           args.b = step.input<void>(1);
                           args.dst = step.output<void>();
                         });
}

}  // namespace

CudaVariants add_cuda() {
  static constexpr CudaVariant kVariants[] = {{"add", add}};
  return {kVariants};
}

}  // namespace nestor
