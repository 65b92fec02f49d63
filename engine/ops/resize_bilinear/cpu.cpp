// Planes in plain layout: what is resized to an image's size is somebody's output, and those are
// plain.

#include "engine/backends/cpu/planes.h"
#include "engine/image/align_corners.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const Shape& src, const Shape& dst)
      : num_planes_(dst[0] * dst[1]),
        src_pixels_(src[2] * src[3]),
        dst_pixels_(dst[2] * dst[3]),
        resize_(static_cast<int>(src[2]), static_cast<int>(src[3]), static_cast<int>(dst[2]),
                static_cast<int>(dst[3])) {}

  std::size_t workspace_bytes(int threads) const {
    return static_cast<std::size_t>(threads) * resize_.scratch_floats() * sizeof(float);
  }

 protected:
  void run_planes(int threads) override {
    const auto* const from = static_cast<const float*>(src());
    auto* const to = static_cast<float*>(dst());
    cpu::parallel_for(threads, num_planes_, [&](std::int64_t i, int thread) {
      float* const scratch = static_cast<float*>(workspace()) +
                             static_cast<std::size_t>(thread) * resize_.scratch_floats();
      resize_.rows(from + i * src_pixels_, 0, resize_.dst_height(), to + i * dst_pixels_, scratch);
    });
  }

 private:
  std::int64_t num_planes_, src_pixels_, dst_pixels_;
  AlignCornersResize resize_;
};

StepChoice plain(const StepRequest& request, CpuBackend&) {
  const BufferFormat format{DType::kFloat32, Layout::kPlain};
  auto kernel = make_kernel<Kernel>(request.graph.desc(request.node.inputs[0]).shape,
                                    request.graph.desc(request.node.outputs[0]).shape);
  const std::size_t workspace_bytes = kernel->workspace_bytes(request.threads);
  return {.variant = {},
          .inputs = {format},
          .outputs = {format},
          .workspace_bytes = workspace_bytes,
          .kernel = std::move(kernel)};
}

}  // namespace

std::span<const CpuVariant> resize_bilinear_cpu() {
  static constexpr CpuVariant kVariants[] = {{"plain", plain}};
  return kVariants;
}

}  // namespace nestor
