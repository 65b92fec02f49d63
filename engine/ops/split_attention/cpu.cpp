// Two passes over the activation: one for the sums, one for the weighted sum (and the AVD pool);
// between them the small fully connected layers. Tasks are images, or (image, block of channels)
// if images would not keep all threads busy.
//
// Workspace, float32, per image: pooled [W], hidden [I, padded to blocks], logits [radix*W],
// attention [radix*W]; then, with a pool, three rows of vectors a thread. W fills its blocks, I
// need not (40 in resnest50_fast_2s2x40d).

#include <array>

#include "engine/backends/cpu/planes.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/split_attention/split_attention.h"

namespace nestor {

namespace {

// A fully connected layer in groups, packed by blocks of outputs: weight[block][input][lane]. A
// block whose outputs belong to one group reads that group's inputs only.
struct PackedLayer {
  std::int64_t outputs = 0, group_inputs = 0, group_outputs = 0;
  std::shared_ptr<const dnnl::memory> weight, bias;

  const float* weights() const { return static_cast<const float*>(weight->get_data_handle()); }
  const float* biases() const { return static_cast<const float*>(bias->get_data_handle()); }
};

PackedLayer pack_layer(CpuBackend& backend, const Constants& constants, ValueId weight,
                       ValueId bias, int groups) {
  const Shape& shape = constants.desc(weight).shape;
  const std::int64_t block = cpu::channel_block();
  PackedLayer layer{.outputs = shape[0],
                    .group_inputs = shape[1],
                    .group_outputs = shape[0] / groups,
                    .weight = nullptr,
                    .bias = nullptr};
  const std::int64_t padded = (layer.outputs + block - 1) / block * block;
  layer.weight = backend.packed_floats(constants.name(weight), padded * shape[1], [&](float* data) {
    const Constants::Tensor value = constants.value(weight);
    for (std::int64_t k = 0; k < shape[0]; ++k) {
      for (std::int64_t c = 0; c < shape[1]; ++c) {
        data[(k / block * shape[1] + c) * block + k % block] = value.data()[k * shape[1] + c];
      }
    }
  });
  layer.bias = backend.packed_floats(constants.name(bias), padded, [&](float* data) {
    std::copy_n(constants.value(bias).data(), shape[0], data);
  });
  return layer;
}

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const SplitAttentionParams& params, const Shape& src, const Shape& dst,
         std::int64_t hidden, BufferFormat format, CpuBackend& backend)
      : params_(params),
        src_(src, format),
        dst_(dst, format),
        hidden_blocks_((hidden + cpu::channel_block() - 1) / cpu::channel_block()),
        kernels_(cpu::plane_kernels(format.dtype)),
        backend_(backend),
        pool_{src[2], src[3], dst[2], dst[3], params.pool.stride} {}

  std::size_t workspace_bytes(int threads) const {
    const std::int64_t rows = params_.has_pool ? threads * row_floats() : 0;
    return static_cast<std::size_t>(src_.images * image_floats() + rows) * sizeof(float);
  }

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    fc1_ = pack_layer(backend_, constants, inputs[1], inputs[2], params_.cardinality);
    fc2_ = pack_layer(backend_, constants, inputs[3], inputs[4], params_.cardinality);
  }

 protected:
  void run_planes(int threads) override {
    // Whole images if there are enough for all threads: the second pass finds the image near.
    if (src_.images % threads == 0) {
      cpu::parallel_for(threads, src_.images,
                        [&](std::int64_t n, int thread) { run_image(n, thread); });
    } else {
      run_shared(threads);
    }
  }

 private:
  void run_image(std::int64_t n, int thread) const {
    for (std::int64_t i = 0; i < dst_.blocks; ++i) pool_sums(n, i);
    for (std::int64_t i = 0; i < hidden_blocks_; ++i) fc1_block(n, i);
    for (std::int64_t i = 0; i < src_.blocks; ++i) fc2_block(n, i);
    softmax(n);
    for (std::int64_t i = 0; i < dst_.blocks; ++i) weigh(n, i, thread);
  }

  // All threads work on each image.
  void run_shared(int threads) const {
    const std::int64_t images = src_.images, blocks = dst_.blocks;
    cpu::parallel_for(threads, images * blocks,
                      [&](std::int64_t i) { pool_sums(i / blocks, i % blocks); });
    cpu::parallel_for(threads, images * hidden_blocks_,
                      [&](std::int64_t i) { fc1_block(i / hidden_blocks_, i % hidden_blocks_); });
    cpu::parallel_for(threads, images * src_.blocks,
                      [&](std::int64_t i) { fc2_block(i / src_.blocks, i % src_.blocks); });
    cpu::parallel_for(threads, images, [&](std::int64_t n) { softmax(n); });
    cpu::parallel_for(threads, images * blocks,
                      [&](std::int64_t i, int thread) { weigh(i / blocks, i % blocks, thread); });
  }

  std::int64_t width() const { return dst_.blocks * kernels_.block; }
  std::int64_t row_floats() const { return 3 * pool_.w * kernels_.block; }
  std::int64_t hidden_floats() const { return hidden_blocks_ * kernels_.block; }
  std::int64_t image_floats() const {
    return width() + hidden_floats() + 2 * params_.radix * width();
  }

  float* pooled(std::int64_t n) const {
    return static_cast<float*>(workspace()) + n * image_floats();
  }
  float* hidden(std::int64_t n) const { return pooled(n) + width(); }
  float* logits(std::int64_t n) const { return hidden(n) + hidden_floats(); }
  float* attention(std::int64_t n) const { return logits(n) + params_.radix * width(); }
  float* rows(int thread) const { return pooled(src_.images) + thread * row_floats(); }

  void pool_sums(std::int64_t n, std::int64_t block) const {
    float* const means = pooled(n) + block * kernels_.block;
    std::fill_n(means, kernels_.block, 0.0F);
    for (int r = 0; r < params_.radix; ++r) {
      kernels_.sum(src_.plane(src(), n, r * dst_.blocks + block), src_.pixels, means);
    }
    for (int c = 0; c < kernels_.block; ++c) means[c] /= static_cast<float>(src_.pixels);
  }

  // One block of a layer's outputs; lanes of another group than the block's first are computed
  // from that group's inputs. Lanes beyond the last output are left alone.
  void layer_block(const PackedLayer& layer, const float* from, std::int64_t block,
                   float* to) const {
    const std::int64_t first = block * kernels_.block;
    const float* const weight = layer.weights() + first * layer.group_inputs;
    const std::int64_t first_group = first / layer.group_outputs;
    const std::int64_t end = std::min(first + kernels_.block, layer.outputs);
    const std::int64_t last_group = (end - 1) / layer.group_outputs;
    std::array<float, cpu::kMaxBlock> lanes;
    for (std::int64_t group = first_group; group <= last_group; ++group) {
      kernels_.fully_connected(from + group * layer.group_inputs, weight, layer.biases() + first,
                               layer.group_inputs, lanes.data());
      for (std::int64_t k = first; k < end; ++k) {
        if (k / layer.group_outputs == group) to[k] = lanes[static_cast<std::size_t>(k - first)];
      }
    }
  }

  void fc1_block(std::int64_t n, std::int64_t block) const {
    layer_block(fc1_, pooled(n), block, hidden(n));
    float* const activated = hidden(n) + block * kernels_.block;
    for (int c = 0; c < kernels_.block; ++c) activated[c] = activated[c] < 0 ? 0 : activated[c];
  }

  void fc2_block(std::int64_t n, std::int64_t block) const {
    layer_block(fc2_, hidden(n), block, logits(n));
  }

  void softmax(std::int64_t n) const {
    r_softmax({params_.radix, params_.cardinality}, width() * params_.radix, logits(n),
              attention(n));
  }

  void weigh(std::int64_t n, std::int64_t block, int thread) const {
    std::array<const void*, cpu::kMaxRadix> srcs;
    std::array<float, cpu::kMaxRadix * cpu::kMaxBlock> weights;
    for (int r = 0; r < params_.radix; ++r) {
      const std::int64_t split = r * dst_.blocks + block;
      srcs[static_cast<std::size_t>(r)] = src_.plane(src(), n, split);
      std::copy_n(attention(n) + split * kernels_.block, kernels_.block,
                  weights.data() + r * kernels_.block);
    }
    void* const to = dst_.plane(dst(), n, block);
    if (params_.has_pool) {
      kernels_.weighted_sum_pool(srcs.data(), weights.data(), params_.radix, pool_, rows(thread),
                                 to);
    } else {
      kernels_.weighted_sum(srcs.data(), weights.data(), params_.radix, src_.pixels, to);
    }
  }

  SplitAttentionParams params_;
  cpu::Planes src_, dst_;
  std::int64_t hidden_blocks_;
  const cpu::PlaneKernels& kernels_;
  CpuBackend& backend_;
  cpu::PlanePool pool_;
  PackedLayer fc1_, fc2_;
};

StepChoice planes(const StepRequest& request, CpuBackend& backend) {
  const auto& p = params<SplitAttentionParams>(request.node);
  const Graph& graph = request.graph;
  const Shape& src = graph.desc(request.node.inputs[0]).shape;
  const Shape& dst = graph.desc(request.node.outputs[0]).shape;
  const std::int64_t hidden = graph.desc(request.node.inputs[1]).shape[0];
  if (p.gates_only || p.radix > cpu::kMaxRadix || !cpu::fills_blocks(dst[1])) return {};
  const BufferFormat format = CpuBackend::activation_format(request.precision);
  const BufferFormat parameter{DType::kFloat32, Layout::kPlain};
  auto kernel = make_kernel<Kernel>(p, src, dst, hidden, format, backend);
  const std::size_t workspace = kernel->workspace_bytes(request.threads);
  return {.variant = {},
          .inputs = {format, parameter, parameter, parameter, parameter},
          .outputs = {format},
          .workspace_bytes = workspace,
          .kernel = std::move(kernel)};
}

}  // namespace

std::span<const CpuVariant> split_attention_cpu() {
  static constexpr CpuVariant kVariants[] = {{"planes", planes}};
  return kVariants;
}

}  // namespace nestor
