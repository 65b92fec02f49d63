#include <algorithm>
#include <array>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/attention_sum/attention_sum.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(int radix, const Shape& src, const Shape& dst, BufferFormat format)
      : radix_(radix),
        channels_(src[1]),
        src_(src, format),
        dst_(dst, format),
        kernels_(cpu::plane_kernels(format.dtype)) {}

 protected:
  void run_planes(int threads) override {
    const auto* const attention = static_cast<const float*>(src(1));  // [n, channels]
    cpu::parallel_for(threads, dst_.images * dst_.blocks, [&](std::int64_t i) {
      const std::int64_t n = i / dst_.blocks, block = i % dst_.blocks;
      std::array<const void*, cpu::kMaxRadix> srcs;
      std::array<float, cpu::kMaxRadix * cpu::kMaxBlock> weights{};
      for (int r = 0; r < radix_; ++r) {
        const std::int64_t split = r * dst_.blocks + block;
        srcs[static_cast<std::size_t>(r)] = src_.plane(src(), n, split);
        const std::int64_t first = split * kernels_.block;
        std::copy_n(attention + n * channels_ + first,
                    std::min<std::int64_t>(kernels_.block, channels_ - first),
                    weights.data() + r * kernels_.block);
      }
      kernels_.weighted_sum(srcs.data(), weights.data(), radix_, dst_.pixels,
                            dst_.plane(dst(), n, block));
    });
  }

 private:
  int radix_;
  std::int64_t channels_;  // of src
  cpu::Planes src_, dst_;
  const cpu::PlaneKernels& kernels_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const int radix = params<AttentionSumParams>(request.node).radix;
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  // A single part may end within a block; others have to begin with one.
  if (radix > cpu::kMaxRadix || (radix > 1 && !cpu::fills_blocks(dst[1]))) return {};
  return {.variant = {},
          .inputs = {format, {DType::kFloat32, Layout::kPlain}},
          .outputs = {format},
          .kernel = make_kernel<Kernel>(radix, src, dst, format)};
}

}  // namespace

std::span<const CpuVariant> attention_sum_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
