#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"

namespace nestor {

namespace {

StepChoice attention_sum(const StepRequest& request, CudaBackend& backend) {
  StepChoice choice = cuda::activation_choice(request);
  choice.gpu = cuda::streaming_launch(request, choice, backend);
  choice.kernel = std::make_unique<cuda::PlannedKernel>(backend, request.node.name);
  return choice;
}

}  // namespace

std::span<const CudaVariant> attention_sum_cuda() {
  static constexpr CudaVariant kVariants[] = {{"attention_sum", attention_sum}};
  return kVariants;
}

}  // namespace nestor
