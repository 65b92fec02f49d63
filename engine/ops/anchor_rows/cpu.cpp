// Out of the blocks of activations, widened to float32 on the way.

#include "engine/backends/cpu/planes.h"
#include "engine/ops/anchor_rows/anchor_rows.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  struct Level {
    cpu::Planes planes;
    std::int64_t channels;
    std::int64_t first;  // of the image's numbers
  };

  Kernel(std::vector<Level> levels, std::int64_t image_floats, DType storage)
      : levels_(std::move(levels)),
        image_floats_(image_floats),
        kernels_(cpu::plane_kernels(storage)) {}

 protected:
  void run_planes(int threads) override {
    const auto num_levels = static_cast<std::int64_t>(levels_.size());
    const std::int64_t images = levels_[0].planes.images;
    cpu::parallel_for(threads, images * num_levels, [&](std::int64_t i) {
      const auto idx = static_cast<std::size_t>(i % num_levels);
      const Level& level = levels_[idx];
      const std::int64_t n = i / num_levels;
      float* const rows = static_cast<float*>(dst()) + n * image_floats_ + level.first;
      for (std::int64_t block = 0; block < level.planes.blocks; ++block) {
        const std::int64_t first = block * kernels_.block;
        const std::int64_t count = std::min<std::int64_t>(kernels_.block, level.channels - first);
        kernels_.gather(level.planes.plane(src(idx), n, block), level.planes.pixels, count,
                        level.channels, rows + first);
      }
    });
  }

 private:
  std::vector<Level> levels_;
  std::int64_t image_floats_;
  const cpu::PlaneKernels& kernels_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  std::vector<Kernel::Level> levels;
  std::int64_t floats = 0;
  for (const ValueId id : request.node.inputs) {
    const Shape& shape = request.graph.desc(id).shape;
    levels.push_back({cpu::Planes(shape, format), shape[1], floats});
    floats += shape[1] * shape[2] * shape[3];
  }
  return {.variant = {},
          .inputs = std::vector<BufferFormat>(levels.size(), format),
          .outputs = {{DType::kFloat32, Layout::kPlain}},
          .kernel = make_kernel<Kernel>(levels, floats, format.dtype)};
}

}  // namespace

std::span<const CpuVariant> anchor_rows_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
