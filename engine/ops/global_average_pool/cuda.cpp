#include "engine/backends/cuda/streaming.h"
#include "kernels/global_average_pool/global_average_pool.h"

namespace nestor {

namespace {

// The means are float32 vectors.
StepChoice global_average_pool(const StepRequest& request, CudaBackend& backend) {
  constexpr int kChannelsPerBlock = 256;
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  if (src[1] % 8 != 0) return {};
  StepChoice choice = cuda::activation_choice(request);
  choice.outputs = {BufferFormat{}};
  const std::int64_t blocks = cuda::ceil_div(src[1], kChannelsPerBlock) * src[0];
  choice.gpu =
      cuda::streaming_launch(blocks * cuda::kStreamingThreads,
                             cuda::tensor_bytes(request, choice, backend), 0, backend.spec());
  choice.gpu->grid = {cuda::ceil_div(src[1], kChannelsPerBlock), src[0], 1};
  return cuda::streaming(request, backend, "global_average_pool", std::move(choice),
                         GlobalAveragePoolArgs{.dtype = cuda::device_dtype(request.precision),
                                               .n = static_cast<int>(src[0]),
                                               .pixels = static_cast<int>(cuda::pixels(src)),
                                               .c = static_cast<int>(src[1])});
}

}  // namespace

CudaVariants global_average_pool_cuda() {
  static constexpr CudaVariant kVariants[] = {{"global_average_pool", global_average_pool}};
  return {kVariants};
}

}  // namespace nestor
