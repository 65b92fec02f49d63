#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"

namespace nestor {

namespace {

StepChoice r_softmax(const StepRequest& request, CudaBackend& backend) {
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<cuda::PlannedKernel>(backend, request.node.name);
  return choice;
}

}  // namespace

std::span<const CudaVariant> r_softmax_cuda() {
  static constexpr CudaVariant kVariants[] = {{"r_softmax", r_softmax}};
  return kVariants;
}

}  // namespace nestor
