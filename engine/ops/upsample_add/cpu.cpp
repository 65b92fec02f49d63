// Over the lateral, in place: plane by plane.

#include "engine/backends/cpu/planes.h"
#include "engine/ops/upsample_add/upsample_add.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const Shape& fine, const Shape& coarse, BufferFormat format)
      : fine_(fine, format),
        coarse_(coarse, format),
        height_(fine[2]),
        width_(fine[3]),
        kernels_(cpu::plane_kernels(format.dtype)) {}

 protected:
  void run_planes(int threads) override {
    cpu::parallel_for(threads, fine_.images * fine_.blocks, [&](std::int64_t i) {
      kernels_.add_upsampled(coarse_.plane(src(1), 0, i), height_, width_,
                             fine_.plane(dst(), 0, i));
    });
  }

 private:
  cpu::Planes fine_, coarse_;
  std::int64_t height_, width_;
  const cpu::PlaneKernels& kernels_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const auto shape = [&](std::size_t i) {
    return request.graph.desc(request.node.inputs[i]).shape;
  };
  return {.variant = {},
          .inputs = {format, format},
          .outputs = {format},
          .inplace_input = 0,
          .kernel = make_kernel<Kernel>(shape(0), shape(1), format)};
}

}  // namespace

std::span<const CpuVariant> upsample_add_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
