#pragma once
// Steps of one launch that read and write and compute next to nothing.

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/step.h"

namespace nestor::cuda {

// Completes a choice whose formats are set; its launch is streaming_launch() unless it is set too.
template <class Args>
StepChoice streaming(const StepRequest& request, CudaBackend& backend, std::string_view launcher,
                     StepChoice choice, const Args& args,
                     typename SimpleKernel<Args>::Point point = src_to_dst<Args>,
                     typename SimpleKernel<Args>::Load load = {}) {
  if (!choice.gpu) choice.gpu = streaming_launch(request, choice, backend);
  choice.kernel = make_kernel<SimpleKernel<Args>>(backend, request.node.name, launcher, args, point,
                                                  std::move(load));
  return choice;
}

}  // namespace nestor::cuda
