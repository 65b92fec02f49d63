#include "engine/backends/cuda/streaming.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/split_attention/split_attention.h"

namespace nestor {

namespace {

constexpr int kChannelsPerBlock = 256;
// A block sums all pixels of its channels. Where these are more, blocks sum parts of them first. The
// batch has no say, so that an image's bits do not depend on it.
constexpr int kMostPixelsOfBlock = 2048, kPixelsPerSlot = 256;

// Sums of parts of the pixels into the workspace, then the mean over these.
class InParts : public cuda::Kernel {
 public:
  InParts(CudaBackend& backend, std::string name, const PooledSumsArgs& sums,
          const GlobalAveragePoolArgs& mean)
      : Kernel(backend, std::move(name)),
        pooled_sums_(backend.launcher<PooledSumsArgs>("pooled_sums")),
        global_average_pool_(backend.launcher<GlobalAveragePoolArgs>("global_average_pool")),
        sums_(sums),
        mean_(mean) {}

 private:
  DeviceStatus launch(Stream stream) override {
    sums_.src = input<void>(0);
    sums_.sums = static_cast<float*>(workspace());
    mean_.src = workspace();
    mean_.dst = output<float>();
    const DeviceStatus status = pooled_sums_(sums_, stream);
    return status.ok() ? global_average_pool_(mean_, stream) : status;
  }

  Launcher<PooledSumsArgs> pooled_sums_;
  Launcher<GlobalAveragePoolArgs> global_average_pool_;
  PooledSumsArgs sums_;
  GlobalAveragePoolArgs mean_;
};

GlobalAveragePoolArgs args_of(const StepRequest& request) {
  const Shape& src = request.graph.desc(request.node.inputs[0]).shape;
  return {.dtype = cuda::device_dtype(request.precision),
          .n = static_cast<int>(src[0]),
          .pixels = static_cast<int>(cuda::pixels(src)),
          .c = static_cast<int>(src[1])};
}

// The means are float32 vectors.
StepChoice untimed_choice(const StepRequest& request) {
  StepChoice choice = cuda::activation_choice(request);
  choice.outputs = {BufferFormat{}};
  return choice;
}

StepChoice in_parts(const StepRequest& request, CudaBackend& backend) {
  GlobalAveragePoolArgs mean = args_of(request);
  if (mean.c % 8 != 0 || mean.pixels <= kMostPixelsOfBlock) return {};
  const int slots = (mean.pixels - 1) / kPixelsPerSlot + 1;
  const PooledSumsArgs sums{.dtype = mean.dtype,
                            .n = mean.n,
                            .pixels = mean.pixels,
                            .width = mean.c,
                            .pixels_per_slot = kPixelsPerSlot};
  mean.divisor = mean.pixels;
  mean.dtype = DeviceDType::kFloat32;
  mean.pixels = slots;
  StepChoice choice = untimed_choice(request);
  choice.workspace_bytes = static_cast<std::size_t>(mean.n) * static_cast<std::size_t>(slots) *
                           static_cast<std::size_t>(mean.c) * sizeof(float);
  const auto moved = 2 * static_cast<std::int64_t>(choice.workspace_bytes);
  const std::int64_t columns = cuda::ceil_div(mean.c, kChannelsPerBlock);
  choice.gpu =
      cuda::streaming_launch(columns * slots * mean.n * cuda::kStreamingThreads,
                             cuda::tensor_bytes(request, choice, backend), 0, backend.spec());
  choice.gpu->grid = {columns, slots, mean.n};
  choice.gpu->launches = 2;
  choice.gpu->workspace_traffic_bytes = moved;
  choice.gpu->modelled_us += cuda::streaming_us(backend.spec(), moved);
  choice.kernel = make_kernel<InParts>(backend, request.node.name, sums, mean);
  return choice;
}

StepChoice one_launch(const StepRequest& request, CudaBackend& backend) {
  const GlobalAveragePoolArgs args = args_of(request);
  if (args.c % 8 != 0) return {};
  StepChoice choice = untimed_choice(request);
  const std::int64_t columns = cuda::ceil_div(args.c, kChannelsPerBlock);
  choice.gpu =
      cuda::streaming_launch(columns * args.n * cuda::kStreamingThreads,
                             cuda::tensor_bytes(request, choice, backend), 0, backend.spec());
  choice.gpu->grid = {columns, args.n, 1};
  return cuda::streaming(request, backend, "global_average_pool", std::move(choice), args);
}

}  // namespace

CudaVariants global_average_pool_cuda() {
  static constexpr CudaVariant kVariants[] = {{"average_of_parts", in_parts},
                                              {"global_average_pool", one_launch}};
  return {kVariants};
}

}  // namespace nestor
