// EfficientNet: inverted bottlenecks, wide where they are depthwise, with squeeze and excitation.
//
//   block    x -> conv_pw 1x1, wider -> swish -> conv_dw k x k depthwise, stride here -> swish
//              -> squeeze, excitation -> conv_pwl 1x1 -> + x if the shapes are equal
//
// The blocks of stage 0 have no conv_pw; their last convolution is called so. Nothing follows the
// last batch norm of a block but the sum.
//
//   squeeze and excitation   x -> global average pool -> conv_reduce to a fourth of the block's
//                              input channels -> swish -> conv_expand -> sigmoid
//                              -> x weighted by it
//
// It is built of the operators of split attention with radix 1. B0 is widened and deepened:
// channels are multiples of eight, at least nine tenths of what the factor says; numbers of blocks
// are rounded up. Padding is TensorFlow's "same", at any size.
//
// Parameters have timm's names but for batch norms, whose are gamma and beta here. Sources:
// huggingface/pytorch-image-models:timm/models/{efficientnet,_efficientnet_builder,
// _efficientnet_blocks}.py@v1.0.27 (tf_efficientnet_b*).

#include "graphs/efficientnet.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/check.h"
#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/swish/swish.h"
#include "graphs/blocks.h"

namespace nestor {

namespace {

constexpr double kEps = 1e-3;
constexpr int kDivisor = 8;  // of numbers of channels
constexpr int kStemChannels = 32, kHeadChannels = 1280;
constexpr std::int64_t kReduction = 4;

struct Named {
  std::string_view name;
  EfficientNetConfig config;
};

constexpr Named kConfigs[] = {
    {"tf_efficientnet_b2", {1.1, 1.2}}, {"tf_efficientnet_b3", {1.2, 1.4}},
    {"tf_efficientnet_b4", {1.4, 1.8}}, {"tf_efficientnet_b5", {1.6, 2.2}},
    {"tf_efficientnet_b6", {1.8, 2.6}}, {"tf_efficientnet_b7", {2.0, 3.1}},
};

// Of B0.
struct StageShape {
  int kernel, stride, expansion, channels, blocks;
};

constexpr StageShape kStages[] = {{3, 1, 1, 16, 1}, {3, 2, 6, 24, 2},  {5, 2, 6, 40, 2},
                                  {3, 2, 6, 80, 3}, {5, 1, 6, 112, 3}, {5, 2, 6, 192, 4},
                                  {3, 1, 6, 320, 1}};

std::int64_t widened(int channels, double factor) {
  const double exact = channels * factor;
  const int rounded = static_cast<int>(exact + kDivisor / 2.0) / kDivisor * kDivisor;
  const int most = std::max(kDivisor, rounded);
  return most < 0.9 * exact ? most + kDivisor : most;
}

int deepened(int blocks, double factor) { return static_cast<int>(std::ceil(blocks * factor)); }

// Names of a convolution and its batch norm.
struct Layer {
  std::string_view conv, norm;
};

ValueId conv_norm(GraphBuilder& builder, ValueId src, const Layer& layer,
                  const ConvolutionSpec& spec) {
  return batch_norm(builder, convolution(builder, src, layer.conv, spec), layer.norm,
                    {.eps = kEps});
}

ValueId conv_norm_swish(GraphBuilder& builder, ValueId src, const Layer& layer,
                        const ConvolutionSpec& spec) {
  return swish(builder, conv_norm(builder, src, layer, spec), fmt::format("{}.swish", layer.norm));
}

ValueId depthwise(GraphBuilder& builder, ValueId src, const Layer& layer, const StageShape& shape,
                  int stride) {
  const std::int64_t channels = builder.shape(src)[1];
  return conv_norm_swish(builder, src, layer,
                         {.channels = channels,
                          .kernel = shape.kernel,
                          .stride = stride,
                          .groups = static_cast<int>(channels),
                          .same = true});
}

ValueId squeeze_excitation(GraphBuilder& builder, ValueId src, std::int64_t squeezed) {
  const GraphBuilder::Scope scope(builder, "se");
  ConvolutionSpec fc{.channels = squeezed, .bias = true};
  const ValueId pooled = global_average_pool(builder, src, "gap");
  const ValueId reduced = swish(builder, convolution(builder, pooled, "conv_reduce", fc), "swish");
  fc.channels = builder.shape(src)[1];
  const ValueId logits = convolution(builder, reduced, "conv_expand", fc);
  const ValueId gates = r_softmax(builder, logits, "sigmoid", {.radix = 1, .cardinality = 1});
  return attention_sum(builder, src, gates, "out", {.radix = 1});
}

ValueId block(GraphBuilder& builder, ValueId src, const StageShape& shape, std::int64_t channels,
              int stride) {
  const std::int64_t width = builder.shape(src)[1];
  ValueId x = src;
  Layer dw{"conv_dw", "bn1"}, last{"conv_pw", "bn2"};
  if (shape.expansion > 1) {
    x = conv_norm_swish(builder, x, {"conv_pw", "bn1"}, {.channels = shape.expansion * width});
    dw.norm = "bn2";
    last = {"conv_pwl", "bn3"};
  }
  x = depthwise(builder, x, dw, shape, stride);
  x = squeeze_excitation(builder, x, width / kReduction);
  x = conv_norm(builder, x, last, {.channels = channels});
  return stride == 1 && width == channels ? add(builder, x, src, "sum") : x;
}

ValueId all_blocks(GraphBuilder& builder, ValueId src, const EfficientNetConfig& config) {
  ValueId x = src;
  const GraphBuilder::Scope scope(builder, "blocks");
  for (std::size_t idx = 0; idx < std::size(kStages); ++idx) {
    const StageShape& shape = kStages[idx];
    const GraphBuilder::Scope stage_scope(builder, std::to_string(idx));
    for (int i = 0; i < deepened(shape.blocks, config.depth); ++i) {
      const GraphBuilder::Scope block_scope(builder, std::to_string(i));
      x = block(builder, x, shape, widened(shape.channels, config.width),
                i == 0 ? shape.stride : 1);
    }
    builder.tap(fmt::format("blocks.{}", idx), x);
  }
  return x;
}

}  // namespace

const EfficientNetConfig* find_efficientnet(std::string_view name) {
  const auto* found = std::ranges::find(kConfigs, name, &Named::name);
  return found == std::end(kConfigs) ? nullptr : &found->config;
}

void build_efficientnet(GraphBuilder& builder, ValueId input, const Network& network,
                        const NetworkOptions& options) {
  const EfficientNetConfig* config = find_efficientnet(network.name);
  CHECK(config != nullptr, "{} is not an EfficientNet", network.name);
  ValueId x = conv_norm_swish(
      builder, input, {"conv_stem", "bn1"},
      {.channels = widened(kStemChannels, config->width), .kernel = 3, .stride = 2, .same = true});
  builder.tap("stem", x);
  x = all_blocks(builder, x, *config);
  x = conv_norm_swish(builder, x, {"conv_head", "bn2"},
                      {.channels = widened(kHeadChannels, config->width)});
  builder.tap("head", x);
  classification_head(builder, x, options.num_classes, "classifier");
}

}  // namespace nestor
