#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

// Sums, two small layers and softmax, then the weighted sum of the radix parts with its AVD pool,
// in one launch; a launch before it for the pooled sums where the convolution did not leave them.
StepChoice sum_apart(const StepRequest& request, CudaBackend& backend) {
  const DeviceSpec& spec = backend.spec();
  StepChoice choice = cuda::activation_choice(request);
  const DType dtype = choice.inputs[0].dtype;
  for (const std::size_t weight : {1, 3}) choice.inputs[weight] = {dtype, Layout::kPlain};
  if (request.available[0].sums_tile > 0) choice.inputs[0] = request.available[0];
  const std::int64_t constants = cuda::constant_bytes(request, choice, backend);
  GpuLaunch launch = cuda::streaming_launch(request, choice, backend);
  launch.modelled_us +=
      spec.attention_us - spec.fill_us +
      static_cast<double>(constants) / spec.attention_gb_s * 1e-3 / (constants < (1 << 17) ? 1 : 4);
  if (choice.inputs[0].sums_tile == 0) {
    const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
    const auto bytes = static_cast<std::int64_t>(backend.buffer_bytes(src, choice.inputs[0]));
    launch.launches = 2;
    launch.workspace_traffic_bytes = bytes;  // src is read twice
    launch.modelled_us += cuda::streaming_us(spec, bytes);
  }
  choice.gpu = launch;
  choice.kernel = std::make_unique<cuda::PlannedKernel>(backend, request.node.name);
  return choice;
}

}  // namespace

std::span<const CudaVariant> split_attention_cuda() {
  static constexpr CudaVariant kVariants[] = {{"sum_apart", sum_apart}};
  return kVariants;
}

}  // namespace nestor
