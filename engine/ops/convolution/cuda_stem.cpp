// The network's first layer.

#include <algorithm>

#include "engine/backends/cuda/cuda_kernel.h"
#include "engine/backends/cuda/half.h"
#include "engine/backends/cuda/step.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/convolution/cuda_convolution.h"
#include "kernels/stem_convolution/stem_convolution.h"

namespace nestor {

namespace {

// Reads the network's input in the format in which it is given, or a tensor in the kernels' layout.
class StemKernel : public cuda::Kernel {
 public:
  StemKernel(CudaBackend& backend, std::string_view launcher, const StepRequest& request,
             const BufferFormat& src)
      : Kernel(backend, request.node.name),
        launcher_(backend.launcher<StemConvolutionArgs>(launcher)),
        src_(src) {
    const ConvolutionShape shape = cuda::convolution_shape(request);
    args_.dtype = cuda::device_dtype(request.precision);
    args_.sm = backend.spec().sm;
    args_.size = shape.r;
    args_.n = shape.n;
    args_.h = shape.h;
    args_.w = shape.w;
    args_.k = shape.k;
    args_.same = shape.same;
    args_.activation = cuda::activation_of(params<ConvolutionParams>(request.node));
    if (!src.levels) return;
    std::ranges::copy(src.levels->mean, args_.mean);
    std::ranges::copy(src.levels->std, args_.std);
  }

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    bias_ = array(constants, inputs[2], args_.k);
    args_.bias = static_cast<const float*>(bias_->get());
  }

 protected:
  StemConvolutionArgs args_;
  std::shared_ptr<const cuda::Memory> weight_;

 private:
  DeviceStatus launch(Stream stream) override {
    if (src_.levels) {
      args_.images = input<std::uint8_t>(0);
    } else if (src_.layout == Layout::kPlain) {
      args_.planes = input<float>(0);
    } else {
      args_.src = input<void>(0);
    }
    args_.dst = output<void>();
    return launcher_(args_, stream);
  }

  Launcher<StemConvolutionArgs> launcher_;
  BufferFormat src_;
  std::shared_ptr<const cuda::Memory> bias_;
};

class FmaKernel : public StemKernel {
 public:
  using StemKernel::StemKernel;

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    StemKernel::load(constants, inputs);
    const int k = args_.k, taps = args_.size * args_.size;
    weight_ = backend().constant(
        constants.name(inputs[1]) + " stem", static_cast<std::size_t>(3 * taps * k) * sizeof(float),
        [&](std::byte* bytes) {
          const Constants::Tensor value = constants.value(inputs[1]);
          auto* const packed = reinterpret_cast<float*>(bytes);  // [size][size][3][k]
          for (int channel = 0; channel < k; ++channel) {
            for (int c = 0; c < 3; ++c) {
              for (int tap = 0; tap < taps; ++tap) {
                packed[(tap * 3 + c) * k + channel] = value.data()[(channel * 3 + c) * taps + tap];
              }
            }
          }
        });
    args_.weight = static_cast<const float*>(weight_->get());
  }
};

class MmaKernel : public StemKernel {
 public:
  using StemKernel::StemKernel;

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    StemKernel::load(constants, inputs);
    const int elements = packed_stem_weight_elements(args_.size, args_.k, args_.sm);
    weight_ = backend().constant(
        constants.name(inputs[1]) + " stem float16",
        static_cast<std::size_t>(elements) * sizeof(std::uint16_t), [&](std::byte* bytes) {
          const Constants::Tensor value = constants.value(inputs[1]);
          pack_stem_weight(args_.size, args_.k, args_.sm, value.data(), cuda::to_half,
                           reinterpret_cast<std::uint16_t*>(bytes));
        });
    args_.packed = weight_->get();
  }
};

bool is_stem(const StepRequest& request) {
  const ConvolutionShape shape = cuda::convolution_shape(request);
  const auto& p = params<ConvolutionParams>(request.node);
  return shape.c == 3 && (shape.r == 3 || shape.r == 7) && shape.s == shape.r &&
         shape.stride == 2 && (shape.same || shape.pad == shape.r / 2) && shape.dilation == 1 &&
         shape.groups == 1 && shape.k % 8 == 0 && shape.k <= kMaxStemChannels && p.has_bias &&
         !p.has_residual;
}

// Which is read as it is given: float32 planes, or images.
bool is_network_input(const StepRequest& request) {
  return request.available[0] == BufferFormat{} || request.available[0].levels;
}

StepChoice stem_choice(const StepRequest& request) {
  StepChoice choice = cuda::activation_choice(request);
  if (is_network_input(request)) choice.inputs[0] = request.available[0];
  return choice;
}

GpuLaunch fma_launch(const StepRequest& request, const StepChoice& choice,
                     const CudaBackend& backend) {
  constexpr int kThreads = 128, kPixelsPerThread = 4, kChannelsPerThread = 8;
  const ConvolutionShape shape = cuda::convolution_shape(request);
  const DeviceSpec& spec = backend.spec();
  const int products = 3 * shape.r * shape.s;
  const std::int64_t rows = std::int64_t{shape.n} * shape.p();
  const std::int64_t threads =
      rows * cuda::ceil_div(shape.q(), kPixelsPerThread) * (shape.k / kChannelsPerThread);
  const double memory = cuda::streaming_us(spec, cuda::tensor_bytes(request, choice, backend),
                                           cuda::constant_bytes(request, choice, backend));
  const double multiply_adds = static_cast<double>(rows * shape.q() * shape.k) * products;
  const double arithmetic = 2 * multiply_adds / (spec.fp32_tflops * spec.efficiency) * 1e-6;
  const int shared_bytes = products * kMaxStemChannels * static_cast<int>(sizeof(float)) +
                           (choice.inputs[0].levels ? kStemLevelTableBytes : 0);
  const int resident = std::min(8, spec.shared_sm / shared_bytes);
  return {.grid = {cuda::ceil_div(threads, kThreads), 1, 1},
          .block = kThreads,
          .shared_bytes = shared_bytes,
          .waves = cuda::waves(spec, cuda::ceil_div(threads, kThreads), resident),
          .tile = {},
          .modelled_us = std::max(memory, arithmetic) + 0.2 * std::min(memory, arithmetic)};
}

}  // namespace

StepChoice cuda::stem_convolution(const StepRequest& request, CudaBackend& backend) {
  if (!is_stem(request)) return {};
  StepChoice choice = stem_choice(request);
  choice.gpu = fma_launch(request, choice, backend);
  choice.kernel = make_kernel<FmaKernel>(backend, "stem_convolution", request, choice.inputs[0]);
  return choice;
}

StepChoice cuda::stem_convolution_mma(const StepRequest& request, CudaBackend& backend) {
  if (!is_stem(request) || request.precision != Precision::kFp16) return {};
  const ConvolutionShape shape = convolution_shape(request);
  StepChoice choice = stem_choice(request);
  if ((shape.k != 32 && shape.k != 64) || !is_network_input(request)) return {};
  const bool reads_images = choice.inputs[0].levels.has_value();
  const int sm = backend.spec().sm;
  const std::int64_t blocks = stem_mma_blocks(shape.n, shape.h, shape.w);
  constexpr int kRows = kStemMmaLines * kStemMmaColumns;
  const GemmTile tile{.m = kRows,
                      .n = shape.k,
                      .k = 4 * stem_taps_per_step(sm),
                      .warps = kStemMmaThreads / 32,
                      .warp_m = kStemMmaColumns,
                      .warp_n = shape.k,
                      .sliced = 1,
                      .shared_bytes = stem_mma_shared_bytes(shape.r, shape.k, sm, reads_images),
                      .blocks = 2};
  if (tile.resident_blocks(backend.spec()) == 0) return {};
  // Four values of K a tap, and a row's taps filled up to whole steps. The four share 12 bytes of
  // the input.
  const int taps = stem_taps_per_step(sm);
  const std::int64_t k = std::int64_t{4} * shape.r * ceil_div(shape.s, taps) * taps;
  const GemmTime time = gemm_time({.m = blocks * kRows,
                                   .n = shape.k,
                                   .k = k,
                                   .taps = shape.r * shape.s,
                                   .tensor_bytes = tensor_bytes(request, choice, backend),
                                   .weight_bytes = constant_bytes(request, choice, backend)},
                                  tile, /*split=*/1, backend.spec());
  const GpuLaunch fma = fma_launch(request, choice, backend);
  // The model's answer may depend on the batch, which deterministic plans must not.
  const bool asks_model = request.forced_variant.empty() && !request.deterministic;
  if (asks_model && time.us >= fma.modelled_us) return {};
  choice.gpu = GpuLaunch{.grid = {blocks, 1, 1},
                         .block = kStemMmaThreads,
                         .shared_bytes = tile.shared_bytes,
                         .waves = time.waves,
                         .tile = "8x32 pixels",
                         .modelled_us = time.us};
  choice.kernel =
      make_kernel<MmaKernel>(backend, "stem_convolution_mma", request, choice.inputs[0]);
  return choice;
}

}  // namespace nestor
