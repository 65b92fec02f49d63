#include "engine/backends/cpu/planes.h"
#include "engine/ops/r_softmax/r_softmax.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(RSoftmaxParams params, const Shape& shape) : params_(params), shape_(shape) {}

 protected:
  void run_planes(int threads) override {
    cpu::parallel_for(threads, shape_[0], [&](std::int64_t n) {
      r_softmax(params_, shape_[1], static_cast<const float*>(src()) + n * shape_[1],
                static_cast<float*>(dst()) + n * shape_[1]);
    });
  }

 private:
  RSoftmaxParams params_;
  Shape shape_;
};

StepChoice plain(const StepRequest& request, CpuBackend&) {
  const BufferFormat format{DType::kFloat32, Layout::kPlain};
  return {.variant = {},
          .inputs = {format},
          .outputs = {format},
          .kernel = make_kernel<Kernel>(params<RSoftmaxParams>(request.node),
                                        request.graph.desc(request.node.inputs[0]).shape)};
}

}  // namespace

std::span<const CpuVariant> r_softmax_cpu() {
  static constexpr CpuVariant kVariants[] = {{"plain", plain}};
  return kVariants;
}

}  // namespace nestor
