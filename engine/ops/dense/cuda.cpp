#include "engine/backends/cuda/streaming.h"
#include "engine/ops/dense/dense.h"
#include "kernels/dense/dense.h"

namespace nestor {

namespace {

// On float32 vectors in plain layout, maps in C order; weights in the plan's precision.
StepChoice dense(const StepRequest& request, CudaBackend& backend) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = request.graph.desc(request.node.outputs[0]).shape;
  const std::int64_t features = src.num_elements() / src[0];
  if (features % 8 != 0) return {};
  StepChoice choice{.variant = {},
                    .inputs = std::vector<BufferFormat>(3),
                    .outputs = {BufferFormat{}},
                    .kernel = nullptr};
  choice.inputs[1].dtype = CudaBackend::activation_format(request.precision).dtype;
  const std::int64_t columns = cuda::ceil_div(dst[1], kDenseOutputs);
  const std::int64_t rows = cuda::ceil_div(dst[0], kDenseImages);
  choice.gpu = cuda::streaming_launch(
      columns * rows * cuda::kStreamingThreads, cuda::tensor_bytes(request, choice, backend),
      cuda::constant_bytes(request, choice, backend), backend.spec());
  choice.gpu->grid = {columns, rows, 1};
  return cuda::streaming(
      request, backend, "dense", std::move(choice),
      DenseArgs{
          .dtype = cuda::device_dtype(request.precision),
          .n = static_cast<int>(dst[0]),
          .c = static_cast<int>(features),
          .k = static_cast<int>(dst[1]),
          .activation =
              params<DenseParams>(request.node).relu ? Activation::kRelu : Activation::kNone,
          .rows = {.per_image = static_cast<int>(request.graph.items(request.node.inputs[0]))}},
      [](DenseArgs& args, const cuda::Kernel& step) {
        cuda::src_to_dst(args, step);
        args.rows = step.counted_rows(args.rows.per_image);
      },
      [](DenseArgs& args, cuda::Kernel& step, const Constants& constants,
         std::span<const ValueId> inputs) {
        args.weight = step.keep<void>(
            step.array(constants, inputs[1], std::int64_t{args.k} * args.c, args.dtype));
        args.bias = step.keep<float>(step.array(constants, inputs[2], args.k));
      });
}

}  // namespace

CudaVariants dense_cuda() {
  static constexpr CudaVariant kVariants[] = {{"dense", dense}};
  return {kVariants};
}

}  // namespace nestor
