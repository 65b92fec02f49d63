// Only if users asked for what comes before a batch norm; elsewhere it is folded into a
// convolution.

#include <cmath>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/batch_norm/batch_norm.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(double eps, const Shape& src, BufferFormat format)
      : eps_(eps), planes_(src, format), kernels_(cpu::plane_kernels(format.dtype)) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    const auto padded = static_cast<std::size_t>(planes_.blocks * kernels_.block);
    scale_.assign(padded, 0.0F);
    shift_.assign(padded, 0.0F);
    const Constants::Tensor gamma = constants.value(inputs[1]), beta = constants.value(inputs[2]);
    const Constants::Tensor mean = constants.value(inputs[3]), var = constants.value(inputs[4]);
    const auto channels = static_cast<std::size_t>(gamma.view().desc.shape[0]);
    for (std::size_t c = 0; c < channels; ++c) {
      const double scale = gamma.data()[c] / std::sqrt(var.data()[c] + eps_);
      scale_[c] = static_cast<float>(scale);
      shift_[c] = static_cast<float>(beta.data()[c] - mean.data()[c] * scale);
    }
  }

 protected:
  void run_planes(int threads) override {
    cpu::parallel_for(threads, planes_.images * planes_.blocks, [&](std::int64_t i) {
      const std::int64_t channel = i % planes_.blocks * kernels_.block;
      kernels_.affine(planes_.plane(src(), 0, i), scale_.data() + channel, shift_.data() + channel,
                      planes_.pixels, planes_.plane(dst(), 0, i));
    });
  }

 private:
  double eps_;
  cpu::Planes planes_;
  const cpu::PlaneKernels& kernels_;
  std::vector<float> scale_, shift_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const BufferFormat parameter{DType::kFloat32, Layout::kPlain};
  return {.variant = {},
          .inputs = {format, parameter, parameter, parameter, parameter},
          .outputs = {format},
          .kernel = make_kernel<Kernel>(params<BatchNormParams>(request.node).eps,
                                        request.graph.desc(request.node.inputs[0]).shape, format)};
}

}  // namespace

std::span<const CpuVariant> batch_norm_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
