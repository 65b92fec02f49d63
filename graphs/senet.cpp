// SENet-154: wide bottleneck blocks with grouped convolutions, whose result squeeze and excitation
// scales before the shortcut is added.
//
//   block    x -> conv 1x1 -> conv 3x3 in 64 groups, stride here -> conv 1x1 -> squeeze, excitation
//              -> + shortcut -> ReLU
//
//   squeeze and excitation   x -> global average pool -> 1x1 to a sixteenth -> ReLU -> 1x1
//                              -> sigmoid -> x weighted by it
//
// Squeeze and excitation is split attention of radix 1, and is built of its operators: rSoftmax of
// one split is the sigmoid. The shortcut of stage 1 is 1x1, that of stages 2 to 4 is 3x3 with
// stride 2. The stem's max pool has no padding and rounds up.
//
// Parameters have the numbers of GluonCV's layers: features.0 to .7 are the stem, .10 to .13 the
// stages. Sources: dmlc/gluon-cv:gluoncv/model_zoo/senet.py@v0.7.0;
// Cadene/pretrained-models.pytorch:pretrainedmodels/models/senet.py.

#include "graphs/senet.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/add/add.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

namespace {

constexpr std::int64_t kReduction = 16;
constexpr int kFirstStage = 10;  // features.10

struct Named {
  std::string_view name;
  SeNetConfig config;
};

constexpr Named kConfigs[] = {{"senet_154", {}}};

ValueId stem(GraphBuilder& builder, ValueId src) {
  const GraphBuilder::Scope scope(builder, "features");
  ConvolutionSpec spec{.channels = 64, .kernel = 3, .stride = 2, .pad = 1};
  ValueId x = conv_norm(builder, src, "0", "1", spec, true);
  spec.stride = 1;
  x = conv_norm(builder, x, "3", "4", spec, true);
  spec.channels = 128;
  x = conv_norm(builder, x, "6", "7", spec, true);
  x = pooling(builder, x, "9", {.kernel = 3, .stride = 2, .ceil_mode = true});
  builder.tap("stem", x);
  return x;
}

ValueId squeeze_excitation(GraphBuilder& builder, ValueId src) {
  const GraphBuilder::Scope scope(builder, "se");
  const std::int64_t channels = builder.shape(src)[1];
  const ValueId pooled = global_average_pool(builder, src, "gap");
  const ValueId squeezed =
      convolution(builder, pooled, "0", {.channels = channels / kReduction, .bias = true});
  const ValueId logits =
      convolution(builder, relu(builder, squeezed, "1"), "2", {.channels = channels, .bias = true});
  const ValueId gates =
      r_softmax(builder, logits, "sigmoid", RSoftmaxParams{.radix = 1, .cardinality = 1});
  return attention_sum(builder, src, gates, "out", {.radix = 1});
}

ValueId shortcut(GraphBuilder& builder, ValueId src, std::int64_t channels, int stride) {
  if (stride == 1 && builder.shape(src)[1] == channels) return src;
  const int kernel = stride == 1 ? 1 : 3;
  return conv_norm(builder, src, "downsample.0", "downsample.1",
                   {.channels = channels, .kernel = kernel, .stride = stride, .pad = kernel / 2},
                   false);
}

ValueId block(GraphBuilder& builder, ValueId src, const SeNetConfig& config, std::int64_t planes,
              int stride) {
  const ConvolutionSpec grouped{
      .channels = 4 * planes, .kernel = 3, .stride = stride, .pad = 1, .groups = config.groups};
  ValueId x = conv_norm(builder, src, "body.0", "body.1", {.channels = 2 * planes}, true);
  x = conv_norm(builder, x, "body.3", "body.4", grouped, true);
  x = conv_norm(builder, x, "body.6", "body.7", {.channels = 4 * planes}, false);
  x = squeeze_excitation(builder, x);
  const ValueId skip = shortcut(builder, src, 4 * planes, stride);
  return relu(builder, add(builder, x, skip, "sum"), "relu");
}

}  // namespace

const SeNetConfig* find_senet(std::string_view name) {
  const auto* found = std::ranges::find(kConfigs, name, &Named::name);
  return found == std::end(kConfigs) ? nullptr : &found->config;
}

Stages senet_backbone(GraphBuilder& builder, ValueId src, const SeNetConfig& config) {
  ValueId x = stem(builder, src);
  Stages result{};
  for (int idx = 0; idx < 4; ++idx) {
    const GraphBuilder::Scope stage_scope(builder, fmt::format("features.{}", kFirstStage + idx));
    for (int i = 0; i < config.layers[static_cast<std::size_t>(idx)]; ++i) {
      const GraphBuilder::Scope block_scope(builder, std::to_string(i));
      x = block(builder, x, config, 64 << idx, i == 0 ? stage(idx, Dilation::kNone).stride : 1);
    }
    builder.tap(fmt::format("layer{}", idx + 1), x);
    result.stage[idx] = x;
  }
  return result;
}

void build_senet(GraphBuilder& builder, ValueId input, const Network& network,
                 const NetworkOptions& options) {
  const SeNetConfig* config = find_senet(network.name);
  CHECK(config != nullptr, "{} is not a SENet", network.name);
  const Stages backbone = senet_backbone(builder, input, *config);
  classification_head(builder, backbone.stage[3], options.num_classes, "output");
}

}  // namespace nestor
