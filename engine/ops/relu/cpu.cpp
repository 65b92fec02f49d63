// Where a ReLU ends no convolution: after the sum of a SENet block, and where users asked for what
// comes before it.

#include "engine/backends/cpu/eltwise.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

namespace {

StepChoice onednn(const StepRequest& request, CpuBackend&) {
  return cpu::eltwise(request, dnnl::algorithm::eltwise_relu, /*alpha=*/0.0F);
}

}  // namespace

std::span<const CpuVariant> relu_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn", onednn}};
  return kVariants;
}

}  // namespace nestor
