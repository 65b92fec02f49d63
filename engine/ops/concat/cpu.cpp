// One copy an image and input: an image's channels lie together in all layouts that are used here.

#include <algorithm>
#include <cstring>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/concat/concat.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  // `image_bytes`: of each input.
  Kernel(std::int64_t images, std::vector<std::size_t> image_bytes)
      : images_(images), image_bytes_(std::move(image_bytes)) {
    for (const std::size_t bytes : image_bytes_) {
      offsets_.push_back(dst_bytes_);
      dst_bytes_ += bytes;
    }
  }

 protected:
  void run_planes(int threads) override {
    const auto inputs = static_cast<std::int64_t>(image_bytes_.size());
    cpu::parallel_for(threads, images_ * inputs, [&](std::int64_t i) {
      const auto image = static_cast<std::size_t>(i / inputs);
      const auto input = static_cast<std::size_t>(i % inputs);
      const std::size_t bytes = image_bytes_[input];
      std::memcpy(static_cast<std::byte*>(dst()) + image * dst_bytes_ + offsets_[input],
                  static_cast<const std::byte*>(src(input)) + image * bytes, bytes);
    });
  }

 private:
  std::int64_t images_;
  std::vector<std::size_t> image_bytes_, offsets_;
  std::size_t dst_bytes_ = 0;  // of an image
};

StepChoice choose(const StepRequest& request, BufferFormat format) {
  std::vector<std::size_t> image_bytes;
  for (const ValueId id : request.node.inputs) {
    const Shape& src = request.graph.desc(id).shape;
    image_bytes.push_back(static_cast<std::size_t>(src[1] * src[2] * src[3]) *
                          size_bytes(format.dtype));
  }
  const std::int64_t images = request.graph.desc(request.node.inputs[0]).shape[0];
  return {.variant = {},
          .inputs = std::vector<BufferFormat>(image_bytes.size(), format),
          .outputs = {format},
          .kernel = make_kernel<Kernel>(images, image_bytes)};
}

// Activations, if the channels of each input fill their blocks.
StepChoice blocked(const StepRequest& request, CpuBackend&) {
  const bool fill = std::ranges::all_of(request.node.inputs, [&](ValueId id) {
    return cpu::fills_blocks(request.graph.desc(id).shape[1]);
  });
  const bool is_float = request.graph.desc(request.node.outputs[0]).dtype == DType::kFloat32;
  if (!fill || !is_float) return {};
  return choose(request, CpuBackend::activation_format(request.precision));
}

StepChoice plain(const StepRequest& request, CpuBackend&) {
  return choose(request, {request.graph.desc(request.node.outputs[0]).dtype, Layout::kPlain});
}

}  // namespace

std::span<const CpuVariant> concat_cpu() {
  static constexpr CpuVariant kVariants[] = {{"blocked", blocked}, {"plain", plain}};
  return kVariants;
}

}  // namespace nestor
