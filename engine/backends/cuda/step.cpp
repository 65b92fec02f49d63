#include "engine/backends/cuda/step.h"

#include <algorithm>

#include "kernels/split_attention/split_attention.h"

namespace nestor::cuda {

namespace {

constexpr int kResidentStreamingBlocks = 8;  // of 256 threads, on a multiprocessor

}  // namespace

StepChoice activation_choice(const StepRequest& request) {
  const BufferFormat format = CudaBackend::activation_format(request.precision);
  const auto format_of = [&](ValueId id) {
    const Value& value = request.graph.value(id);
    const bool activation = !is_constant(value) && value.desc.dtype == DType::kFloat32;
    return activation ? format : BufferFormat{value.desc.dtype, Layout::kPlain};
  };
  StepChoice choice{.variant = {}, .inputs = {}, .outputs = {}, .kernel = nullptr};
  std::ranges::transform(request.node.inputs, std::back_inserter(choice.inputs), format_of);
  std::ranges::transform(request.node.outputs, std::back_inserter(choice.outputs), format_of);
  return choice;
}

namespace {

std::int64_t input_bytes(const StepRequest& request, const StepChoice& choice,
                         const CudaBackend& backend, bool constants) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request.node.inputs.size(); ++i) {
    const Value& value = request.graph.value(request.node.inputs[i]);
    if (is_constant(value) != constants) continue;
    bytes += backend.buffer_bytes(value.desc.shape, choice.inputs[i]);
  }
  return static_cast<std::int64_t>(bytes);
}

}  // namespace

std::int64_t tensor_bytes(const StepRequest& request, const StepChoice& choice,
                          const CudaBackend& backend) {
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < request.node.outputs.size(); ++i) {
    bytes +=
        backend.buffer_bytes(request.graph.desc(request.node.outputs[i]).shape, choice.outputs[i]);
  }
  return input_bytes(request, choice, backend, false) + static_cast<std::int64_t>(bytes);
}

std::int64_t constant_bytes(const StepRequest& request, const StepChoice& choice,
                            const CudaBackend& backend) {
  return input_bytes(request, choice, backend, true);
}

std::int64_t sums_slots(const Shape& shape, BufferFormat format) {
  return pooled_slots(static_cast<int>(pixels(shape)), format.sums_tile);
}

std::size_t sums_bytes(const Shape& shape, BufferFormat format) {
  if (format.sums_tile == 0) return 0;
  return static_cast<std::size_t>(shape[0] * sums_slots(shape, format) * shape[1]) * sizeof(float);
}

GpuLaunch streaming_launch(std::int64_t items, std::int64_t tensors, std::int64_t constants,
                           const DeviceSpec& spec) {
  const std::int64_t blocks = ceil_div(items, kStreamingThreads);
  return {.grid = {blocks, 1, 1},
          .block = kStreamingThreads,
          .waves = waves(spec, blocks, kResidentStreamingBlocks),
          .tile = {},
          .modelled_us = streaming_us(spec, tensors, constants)};
}

GpuLaunch streaming_launch(const StepRequest& request, const StepChoice& choice,
                           const CudaBackend& backend) {
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  return streaming_launch(dst[0] * pixels(dst) * padded8(dst[1]) / 8,
                          tensor_bytes(request, choice, backend),
                          constant_bytes(request, choice, backend), backend.spec());
}

}  // namespace nestor::cuda
