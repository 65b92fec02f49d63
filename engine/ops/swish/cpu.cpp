// Only if users asked for what comes before it; elsewhere it ends a convolution.

#include "engine/backends/cpu/eltwise.h"
#include "engine/ops/swish/swish.h"

namespace nestor {

namespace {

StepChoice onednn(const StepRequest& request, CpuBackend&) {
  return cpu::eltwise(request, dnnl::algorithm::eltwise_swish, /*alpha=*/1.0F);
}

}  // namespace

std::span<const CpuVariant> swish_cpu() {
  static constexpr CpuVariant kVariants[] = {{"onednn", onednn}};
  return kVariants;
}

}  // namespace nestor
