#pragma once
// Steps of our own on blocked activations, seen as planes (vector/plane_kernels.h).

#include "engine/backends/cpu/context.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/vector/plane_kernels.h"

namespace nestor::cpu {

// The most splits that our kernels take: room for their pointers is on the stack.
inline constexpr int kMaxRadix = 16;

// A blocked activation: `blocks` planes an image, `pixels` vectors a plane.
struct Planes {
  std::int64_t images = 0;
  std::int64_t blocks = 0;
  std::int64_t pixels = 0;
  std::size_t plane_bytes = 0;

  Planes() = default;
  Planes(const Shape& shape, BufferFormat format);

  void* plane(void* base, std::int64_t n, std::int64_t block) const {
    return static_cast<char*>(base) + (n * blocks + block) * static_cast<std::int64_t>(plane_bytes);
  }
};

// Base of the kernels here: keeps the pointers that bind() gives.
class PlaneKernel : public StepKernel {
 public:
  void load(const Constants&, std::span<const ValueId>) override {}
  void bind(const StepPointers& pointers) override { pointers_ = pointers; }
  void run(ExecutionContext& context) override {
    run_planes(static_cast<CpuContext&>(context).threads());
  }

 protected:
  virtual void run_planes(int threads) = 0;
  void* src(std::size_t idx = 0) const { return pointers_.inputs[idx]; }
  void* dst(std::size_t idx = 0) const { return pointers_.outputs[idx]; }
  void* workspace() const { return pointers_.workspace; }

 private:
  StepPointers pointers_;
};

// Whether `channels` fill their blocks, so that splits and halves begin at a block.
bool fills_blocks(std::int64_t channels);

}  // namespace nestor::cpu
