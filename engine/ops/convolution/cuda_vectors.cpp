// 1x1 convolutions of tensors of one pixel, as squeeze and excitation has two: fully connected
// layers on float32 vectors, with the kernel of `dense`.

#include <fmt/format.h>

#include "engine/backends/cuda/half.h"
#include "engine/backends/cuda/streaming.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_convolution.h"
#include "kernels/dense/dense.h"

namespace nestor {

namespace {

bool is_of_vectors(const StepRequest& request) {
  const ConvolutionShape shape = cuda::convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  const BufferFormat& src = request.available[0];
  // Where a tensor of float16 is read, tensor cores do it without a conversion.
  return shape.h == 1 && shape.w == 1 && shape.r == 1 && shape.s == 1 && shape.p() == 1 &&
         shape.q() == 1 && shape.above() == 0 && shape.groups == 1 && p.has_bias &&
         !p.has_residual && src.dtype == DType::kFloat32 && !src.levels;
}

// The vectors' elements are padded to a multiple of 8 by zeros; where there is nothing to pad, they
// lie as all vectors do.
BufferFormat format_of(const Shape& shape) {
  return {DType::kFloat32, shape[1] % 8 == 0 ? Layout::kPlain : Layout::kNhwc8};
}

// [k][c] as [k padded][c padded], by zeros, in the storage.
std::shared_ptr<const cuda::Memory> padded_weight(cuda::Kernel& step, const Constants& constants,
                                                  ValueId id, const DenseArgs& args) {
  const bool half = args.dtype == DeviceDType::kFloat16;
  const std::string name = fmt::format("{} [{}][{}] {}", constants.name(id), args.k, args.c,
                                       half ? "float16" : "float32");
  const std::size_t elements = static_cast<std::size_t>(args.k) * static_cast<std::size_t>(args.c);
  return step.backend().constant(name, elements * (half ? 2 : 4), [&](std::byte* data) {
    const Constants::Tensor value = constants.value(id);
    const Shape& shape = constants.desc(id).shape;
    for (std::int64_t i = 0; i < shape[0] * shape[1]; ++i) {
      const std::int64_t to = i / shape[1] * args.c + i % shape[1];
      if (half) {
        reinterpret_cast<std::uint16_t*>(data)[to] = cuda::to_half(value.data()[i]);
      } else {
        reinterpret_cast<float*>(data)[to] = value.data()[i];
      }
    }
  });
}

void load(DenseArgs& args, cuda::Kernel& step, const Constants& constants,
          std::span<const ValueId> inputs) {
  args.weight = step.keep<void>(padded_weight(step, constants, inputs[1], args));
  args.bias = step.keep<float>(step.array(constants, inputs[2], args.k));
}

}  // namespace

StepChoice cuda::convolution_of_vectors(const StepRequest& request, CudaBackend& backend) {
  if (!is_of_vectors(request)) return {};
  const ConvolutionShape shape = convolution_shape(request);
  StepChoice choice = activation_choice(request);
  choice.inputs[1].dtype = choice.inputs[0].dtype;
  choice.inputs[0] = format_of(request.graph.desc(request.node.inputs[0]).shape);
  choice.outputs[0] = format_of(request.graph.desc(request.node.outputs[0]).shape);
  const DenseArgs args{.dtype = device_dtype(request.precision),
                       .n = shape.n,
                       .c = static_cast<int>(padded8(shape.c)),
                       .k = static_cast<int>(padded8(shape.k)),
                       .activation = activation_of(params<ConvolutionParams>(request.node))};
  const std::int64_t columns = ceil_div(args.k, kDenseOutputs),
                     rows = ceil_div(args.n, kDenseImages);
  choice.gpu =
      streaming_launch(columns * rows * kStreamingThreads, tensor_bytes(request, choice, backend),
                       constant_bytes(request, choice, backend), backend.spec());
  choice.gpu->grid = {columns, rows, 1};
  choice.gpu->block = kDenseThreads;
  return streaming(request, backend, "dense", std::move(choice), args, src_to_dst<DenseArgs>, load);
}

}  // namespace nestor
