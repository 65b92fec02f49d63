// Over src in place: only its pixels are read, once.

#include <algorithm>
#include <array>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/image_bias/image_bias.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const Shape& src, BufferFormat format)
      : channels_(src[1]), planes_(src, format), kernels_(cpu::plane_kernels(format.dtype)) {
    ones_.fill(1);
  }

 protected:
  void run_planes(int threads) override {
    const auto* const bias = static_cast<const float*>(src(1));  // [n, channels]
    cpu::parallel_for(threads, planes_.images * planes_.blocks, [&](std::int64_t i) {
      const std::int64_t n = i / planes_.blocks, block = i % planes_.blocks;
      const std::int64_t first = block * kernels_.block;
      std::array<float, cpu::kMaxBlock> shift{};
      std::copy_n(bias + n * channels_ + first,
                  std::min<std::int64_t>(kernels_.block, channels_ - first), shift.data());
      void* const plane = planes_.plane(dst(), n, block);
      kernels_.affine(plane, ones_.data(), shift.data(), planes_.pixels, plane);
    });
  }

 private:
  std::int64_t channels_;
  cpu::Planes planes_;
  const cpu::PlaneKernels& kernels_;
  std::array<float, cpu::kMaxBlock> ones_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  return {.variant = {},
          .inputs = {format, {DType::kFloat32, Layout::kPlain}},
          .outputs = {format},
          .inplace_input = 0,
          .kernel = make_kernel<Kernel>(src, format)};
}

}  // namespace

std::span<const CpuVariant> image_bias_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
