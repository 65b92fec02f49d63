// A thread makes rows; of each pixel all classes at once, a block of them in a vector.

#include "engine/backends/cpu/planes.h"
#include "engine/backends/cpu/vector/class_map_kernels.h"
#include "engine/ops/class_map/class_map.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const Shape& src, const TensorDesc& dst, BufferFormat format)
      : src_(src),
        dst_(dst),
        planes_(src, format),
        rows_(align_corners_taps(static_cast<int>(src[2]), static_cast<int>(dst.shape[1]))),
        columns_(align_corners_taps(static_cast<int>(src[3]), static_cast<int>(dst.shape[2]))),
        kernel_(cpu::class_map_kernel(format.dtype, cpu::isa())) {}

 protected:
  void run_planes(int threads) override {
    const std::int64_t height = dst_.shape[1], width = dst_.shape[2];
    cpu::parallel_for(threads, dst_.shape[0] * height, [&](std::int64_t i) {
      const AlignCornersTap& tap = rows_[static_cast<std::size_t>(i % height)];
      cpu::ClassMapRow row{.scores = planes_.plane(src(), i / height, 0),
                           .plane_bytes = planes_.plane_bytes,
                           .num_classes = src_[1],
                           .above = tap.low * src_[3],
                           .below = tap.high * src_[3],
                           .distance = tap.distance,
                           .columns = columns_.data(),
                           .width = width};
      if (dst_.dtype == DType::kUInt8) {
        row.bytes = static_cast<std::uint8_t*>(dst()) + i * width;
      } else {
        row.numbers = static_cast<std::int32_t*>(dst()) + i * width;
      }
      kernel_(row);
    });
  }

 private:
  Shape src_;
  TensorDesc dst_;
  cpu::Planes planes_;
  std::vector<AlignCornersTap> rows_, columns_;
  cpu::ClassMapKernel kernel_;
};

StepChoice planes(const StepRequest& request, CpuBackend&) {
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const TensorDesc& dst = request.graph.desc(request.node.outputs[0]);
  return {.variant = {},
          .inputs = {format},
          .outputs = {{dst.dtype, Layout::kPlain}},
          .kernel = make_kernel<Kernel>(src, dst, format)};
}

}  // namespace

std::span<const CpuVariant> class_map_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
