#include <array>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/radix_sum/radix_sum.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(int radix, const Shape& src, const Shape& dst, BufferFormat format)
      : radix_(radix),
        src_(src, format),
        dst_(dst, format),
        kernels_(cpu::plane_kernels(format.dtype)),
        ones_(static_cast<std::size_t>(radix * kernels_.block), 1.0F) {}

 protected:
  void run_planes(int threads) override {
    cpu::parallel_for(threads, dst_.images * dst_.blocks, [&](std::int64_t i) {
      const std::int64_t n = i / dst_.blocks, block = i % dst_.blocks;
      std::array<const void*, cpu::kMaxRadix> srcs;
      for (int r = 0; r < radix_; ++r) {
        srcs[static_cast<std::size_t>(r)] = src_.plane(src(), n, r * dst_.blocks + block);
      }
      kernels_.weighted_sum(srcs.data(), ones_.data(), radix_, dst_.pixels,
                            dst_.plane(dst(), n, block));
    });
  }

 private:
  int radix_;
  cpu::Planes src_, dst_;
  const cpu::PlaneKernels& kernels_;
  std::vector<float> ones_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const int radix = params<RadixSumParams>(request.node).radix;
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  if (radix > cpu::kMaxRadix || !cpu::fills_blocks(dst[1])) return {};
  return {.variant = {},
          .inputs = {format},
          .outputs = {format},
          .kernel = make_kernel<Kernel>(radix, src, dst, format)};
}

}  // namespace

std::span<const CpuVariant> radix_sum_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
