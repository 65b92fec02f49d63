// ResNeSt classifiers: deep stem, four stages of bottleneck blocks, global average pool, dense
// head.
//
//   block    x -> conv1 1x1 -> [AVD pool] -> split attention -> [AVD pool] -> conv3 1x1
//              -> + shortcut -> ReLU
//
//   split attention   conv 3x3 in radix * cardinality groups -> BN -> ReLU = U
//                     sum over radix -> global average pool -> fc1 + BN + ReLU -> fc2 -> rSoftmax
//                     -> U weighted and summed over radix
//
// The AVD pool (3x3 average, pad 1, padding counted) takes over the stride of the block's first
// convolution; it is there if the stride is above 1 or the dilation changes, on one side or the
// other of the convolution.
//
// Input: RGB / 255, minus mean, divided by std; short side resized to size / crop_ratio, centre
// crop. Sources: dmlc/gluon-cv:gluoncv/model_zoo/resnest.py, gluoncv/nn/splat.py@v0.8.0;
// zhanghang1989/ResNeSt:resnest/torch/models/{resnest,splat,ablation}.py@1dfb3e8.

#include "graphs/resnest.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

namespace {

constexpr int kExpansion = 4;

struct Named {
  std::string_view name;
  ResNestConfig config;
};

constexpr Named kConfigs[] = {
    {"resnest14", {.layers = {1, 1, 1, 1}}},
    {"resnest26", {.layers = {2, 2, 2, 2}}},
    {"resnest50", {}},
    {"resnest101", {.layers = {3, 4, 23, 3}, .stem_width = 64}},
    {"resnest200", {.layers = {3, 24, 36, 3}, .stem_width = 64}},
    {"resnest269", {.layers = {3, 30, 48, 8}, .stem_width = 64}},
    {"resnest50_fast_1s1x64d", {.radix = 1, .avd_first = true}},
    {"resnest50_fast_2s1x64d", {.radix = 2, .avd_first = true}},
    {"resnest50_fast_4s1x64d", {.radix = 4, .avd_first = true}},
    {"resnest50_fast_1s2x40d",
     {.radix = 1, .cardinality = 2, .bottleneck_width = 40, .avd_first = true}},
    {"resnest50_fast_2s2x40d",
     {.radix = 2, .cardinality = 2, .bottleneck_width = 40, .avd_first = true}},
    {"resnest50_fast_4s2x40d",
     {.radix = 4, .cardinality = 2, .bottleneck_width = 40, .avd_first = true}},
    {"resnest50_fast_1s4x24d",
     {.radix = 1, .cardinality = 4, .bottleneck_width = 24, .avd_first = true}},
    {"resnest_mini", {.layers = {1, 1, 1, 1}, .stem_width = 8, .planes = 16}},
};

ValueId split_attention(GraphBuilder& builder, ValueId src, const ResNestConfig& config, int stride,
                        int dilation) {
  const GraphBuilder::Scope scope(builder, "conv2");
  const std::int64_t width = builder.shape(src)[1];
  const std::int64_t hidden = std::max<std::int64_t>(width * config.radix / 4, 32);
  const ConvolutionSpec conv{.channels = width * config.radix,
                             .kernel = 3,
                             .stride = stride,
                             .pad = dilation,
                             .dilation = dilation,
                             .groups = config.radix * config.cardinality};
  const ValueId splits = conv_norm(builder, src, "conv", "bn", conv, true);
  const ValueId sum =
      config.radix > 1 ? radix_sum(builder, splits, "radix_sum", {config.radix}) : splits;
  const ValueId pooled = global_average_pool(builder, sum, "gap");
  ConvolutionSpec fc{.channels = hidden, .groups = config.cardinality, .bias = true};
  const ValueId gated = conv_norm(builder, pooled, "fc1", "bn1", fc, true);
  fc.channels = width * config.radix;
  const ValueId logits = convolution(builder, gated, "fc2", fc);
  const ValueId attention =
      r_softmax(builder, logits, "attention", {config.radix, config.cardinality});
  return attention_sum(builder, splits, attention, "out", {config.radix});
}

ValueId avd_pool(GraphBuilder& builder, ValueId src, int stride) {
  return pooling(builder, src, "avd_layer",
                 {.kind = PoolingParams::Kind::kAverage,
                  .kernel = 3,
                  .stride = stride,
                  .pad = 1,
                  .count_include_pad = true});
}

}  // namespace

ValueId resnest_block(GraphBuilder& builder, ValueId src, const ResNestConfig& config,
                      const BlockPlace& place) {
  const std::int64_t width = place.planes * config.bottleneck_width / 64 * config.cardinality;
  ValueId x = conv_norm(builder, src, "conv1", "bn1", {.channels = width}, true);
  if (place.begins_coarser && config.avd_first) x = avd_pool(builder, x, place.stride);
  x = split_attention(builder, x, config, place.begins_coarser ? 1 : place.stride, place.dilation);
  if (place.begins_coarser && !config.avd_first) x = avd_pool(builder, x, place.stride);
  x = conv_norm(builder, x, "conv3", "bn3", {.channels = kExpansion * place.planes}, false);
  const bool projected = place.stride != 1 || builder.shape(src)[1] != kExpansion * place.planes;
  const ValueId shortcut =
      projected ? pooled_shortcut(builder, src, kExpansion * place.planes, place.stride) : src;
  return relu(builder, add(builder, x, shortcut, "sum"), "relu");
}

const ResNestConfig* find_resnest(std::string_view name) {
  const auto* found = std::ranges::find(kConfigs, name, &Named::name);
  return found == std::end(kConfigs) ? nullptr : &found->config;
}

Stages resnest_backbone(GraphBuilder& builder, ValueId src, const ResNestConfig& config,
                        Dilation dilation) {
  const ValueId stem = deep_stem(builder, src, config.stem_width);
  const Stages result = stages(
      builder, stem, {.layers = config.layers, .planes = config.planes, .dilation = dilation},
      [&](ValueId x, const BlockPlace& place) { return resnest_block(builder, x, config, place); });
  for (const int idx : {1, 2, 3, 4}) {
    builder.tap_alias(fmt::format("layer{}.attention", idx),
                      fmt::format("layer{}.0.conv2.attention", idx));
  }
  return result;
}

void build_resnest(GraphBuilder& builder, ValueId input, const Network& network,
                   const NetworkOptions& options) {
  const ResNestConfig* config = find_resnest(network.name);
  CHECK(config != nullptr, "{} is not a ResNeSt", network.name);
  const Stages backbone = resnest_backbone(builder, input, *config, Dilation::kNone);
  classification_head(builder, backbone.stage[3], options.num_classes);
}

}  // namespace nestor
