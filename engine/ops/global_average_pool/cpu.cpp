#include "engine/backends/cpu/planes.h"
#include "engine/ops/global_average_pool/global_average_pool.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const Shape& src, BufferFormat format)
      : planes_(src, format), kernels_(cpu::plane_kernels(format.dtype)) {}

 protected:
  void run_planes(int threads) override {
    cpu::parallel_for(threads, planes_.images * planes_.blocks, [&](std::int64_t i) {
      float* const means = static_cast<float*>(dst()) + i * kernels_.block;
      std::fill_n(means, kernels_.block, 0.0F);
      kernels_.sum(planes_.plane(src(), 0, i), planes_.pixels, means);
      for (int c = 0; c < kernels_.block; ++c) means[c] /= static_cast<float>(planes_.pixels);
    });
  }

 private:
  cpu::Planes planes_;
  const cpu::PlaneKernels& kernels_;
};

// Pooled vectors are float32 whatever the precision.
StepChoice planes(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  return {.variant = {},
          .inputs = {format},
          .outputs = {{DType::kFloat32, format.layout}},
          .kernel = make_kernel<Kernel>(src, format)};
}

}  // namespace

std::span<const CpuVariant> global_average_pool_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
