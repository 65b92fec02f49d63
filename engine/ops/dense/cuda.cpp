#include <algorithm>

#include "engine/backends/cuda/streaming.h"
#include "engine/ops/convolution/cuda_implicit_gemm.h"
#include "engine/ops/dense/dense.h"
#include "kernels/dense/dense.h"

namespace nestor {

namespace {

int narrow(std::int64_t value) { return static_cast<int>(value); }

// Whether it is one of the layers between others: what all that read its result are.
bool is_hidden(const StepRequest& request) {
  const ValueId dst = request.node.outputs[0];
  return !request.graph.is_output(dst) &&
         std::ranges::all_of(request.graph.nodes, [&](const Node& node) {
           return std::ranges::count(node.inputs, dst) == 0 || node.op == &dense_op();
         });
}

// Hidden layers on the many items of each image, in the formats of activations: a product of
// matrices. Maps are taken as they lie, and the weights put into that order. Logits and the like are
// float32: the other variant's.
StepChoice implicit_gemm(const StepRequest& request, CudaBackend& backend) {
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const Shape& src = graph.desc(node.inputs[0]).shape;
  const Shape& weight = graph.desc(node.inputs[1]).shape;
  if (graph.items(node.inputs[0]) == 1 || src[1] % 8 != 0 || !is_hidden(request)) return {};
  const bool half = cuda::device_dtype(request.precision) == DeviceDType::kFloat16;
  return cuda::implicit_gemm(
      request, backend, half ? tensor_family(backend.spec().sm) : MmaFamily::kFma,
      {.shape =
           {.n = narrow(src[0]), .h = 1, .w = 1, .c = narrow(weight[1]), .k = narrow(weight[0])},
       .params = {.has_bias = true, .relu = params<DenseParams>(node).relu},
       .flattened_pixels = narrow(weight[1] / src[1])});
}

// Every block fetches its weights and vectors from L2; with many vectors that takes the time, or the
// arithmetic.
double blocks_us(const DenseArgs& args, std::int64_t blocks, const DeviceSpec& spec) {
  const std::int64_t weight_bytes = args.dtype == DeviceDType::kFloat16 ? 2 : 4;
  const std::int64_t block_bytes =
      args.c * (kDenseOutputs * weight_bytes + std::min(kDenseImages, args.n) * std::int64_t{4});
  const double fetched = static_cast<double>(blocks * block_bytes) / spec.l2_gb_s() * 1e-3;
  const double macs = static_cast<double>(blocks) * kDenseOutputs * kDenseImages * args.c;
  return std::max(fetched, macs / (spec.fp32_macs * spec.multiprocessors * spec.hz()) * 1e6);
}

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
  const DenseArgs args{
      .dtype = cuda::device_dtype(request.precision),
      .n = narrow(dst[0]),
      .c = narrow(features),
      .k = narrow(dst[1]),
      .activation = params<DenseParams>(request.node).relu ? Activation::kRelu : Activation::kNone,
      .rows = {.per_image = narrow(request.graph.items(request.node.inputs[0]))}};
  choice.gpu->modelled_us =
      std::max(choice.gpu->modelled_us, blocks_us(args, columns * rows, backend.spec()));
  return cuda::streaming(
      request, backend, "dense", std::move(choice), args,
      [](DenseArgs& to, const cuda::Kernel& step) {
        cuda::src_to_dst(to, step);
        to.rows = step.counted_rows(to.rows.per_image);
      },
      [](DenseArgs& to, cuda::Kernel& step, const Constants& constants,
         std::span<const ValueId> inputs) {
        to.weight =
            step.keep<void>(step.array(constants, inputs[1], std::int64_t{to.k} * to.c, to.dtype));
        to.bias = step.keep<float>(step.array(constants, inputs[2], to.k));
      });
}

}  // namespace

CudaVariants dense_cuda() {
  static constexpr CudaVariant kVariants[] = {{"implicit_gemm", implicit_gemm}, {"dense", dense}};
  return {kVariants};
}

}  // namespace nestor
