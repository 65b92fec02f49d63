#include "engine/backends/cuda/streaming.h"
#include "engine/ops/upsample_add/upsample_add.h"
#include "kernels/upsample_add/upsample_add.h"

namespace nestor {

namespace {

// Over the lateral, in place.
StepChoice upsample_add(const StepRequest& request, CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  StepChoice choice = cuda::activation_choice(request);
  choice.inplace_input = 0;
  return cuda::streaming(request, backend, "upsample_add", std::move(choice),
                         UpsampleAddArgs{.dtype = cuda::device_dtype(request.precision),
                                         .n = static_cast<int>(dst[0]),
                                         .h = static_cast<int>(dst[2]),
                                         .w = static_cast<int>(dst[3]),
                                         .c = static_cast<int>(cuda::padded8(dst[1]))},
                         [](UpsampleAddArgs& args, const cuda::Kernel& step) {
                           args.lateral = step.input<void>(0);
                           args.coarse = step.input<void>(1);
                           args.dst = step.output<void>();
                         });
}

}  // namespace

CudaVariants upsample_add_cuda() {
  static constexpr CudaVariant kVariants[] = {{"upsample_add", upsample_add}};
  return {kVariants};
}

}  // namespace nestor
