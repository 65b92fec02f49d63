#include "graphs/blocks.h"

#include <fmt/format.h>

#include "engine/ops/batch_norm/batch_norm.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/pooling/pooling.h"
#include "engine/ops/relu/relu.h"

namespace nestor {

Stage stage(int idx, Dilation dilation) {
  if (idx == 3 && dilation == Dilation::kStride8) return {1, 2, 4};
  if (idx == 3 && dilation == Dilation::kStride16) return {1, 1, 2};
  if (idx == 2 && dilation == Dilation::kStride8) return {1, 1, 2};
  return {idx == 0 ? 1 : 2, 1, 1};
}

Stages stages(GraphBuilder& builder, ValueId src, const StagesConfig& config,
              const MakeBlock& make_block) {
  Stages result{};
  ValueId x = src;
  for (int idx = 0; idx < 4; ++idx) {
    const Stage shape = stage(idx, config.dilation);
    const std::string name = fmt::format("layer{}", idx + 1);
    const GraphBuilder::Scope stage_scope(builder, name);
    for (int i = 0; i < config.layers[static_cast<std::size_t>(idx)]; ++i) {
      const GraphBuilder::Scope block_scope(builder, std::to_string(i));
      const bool first = i == 0;
      x = make_block(x, {.planes = config.planes << idx,
                         .stride = first ? shape.stride : 1,
                         .dilation = first ? shape.first_dilation : shape.dilation,
                         .begins_coarser = first && (shape.stride > 1 ||
                                                     shape.first_dilation != shape.dilation)});
      builder.tap(fmt::format("{}.{}", name, i), x);
    }
    builder.tap(name, x);
    result.stage[idx] = x;
  }
  return result;
}

ValueId conv_norm(GraphBuilder& builder, ValueId src, std::string_view conv, std::string_view norm,
                  const ConvolutionSpec& spec, bool activate) {
  const ValueId normed = batch_norm(builder, convolution(builder, src, conv, spec), norm);
  return activate ? relu(builder, normed, fmt::format("{}.relu", norm)) : normed;
}

ValueId stem_pool(GraphBuilder& builder, ValueId src) {
  const ValueId pooled = pooling(builder, src, "maxpool", {.kernel = 3, .stride = 2, .pad = 1});
  builder.tap("stem", pooled);
  return pooled;
}

ValueId deep_stem(GraphBuilder& builder, ValueId src, int width) {
  ConvolutionSpec spec{.channels = width, .kernel = 3, .stride = 2, .pad = 1};
  ValueId x = conv_norm(builder, src, "conv1.0", "conv1.1", spec, true);
  spec.stride = 1;
  x = conv_norm(builder, x, "conv1.3", "conv1.4", spec, true);
  spec.channels = 2 * width;
  x = conv_norm(builder, x, "conv1.6", "bn1", spec, true);
  return stem_pool(builder, x);
}

ValueId pooled_shortcut(GraphBuilder& builder, ValueId src, std::int64_t channels, int stride) {
  ValueId x = src;
  if (stride > 1) {
    x = pooling(builder, x, "downsample.0",
                {.kind = PoolingParams::Kind::kAverage,
                 .kernel = stride,
                 .stride = stride,
                 .ceil_mode = true});
  }
  return conv_norm(builder, x, "downsample.1", "downsample.2", {.channels = channels}, false);
}

void classification_head(GraphBuilder& builder, ValueId src, int num_classes,
                         std::string_view name) {
  const ValueId pooled = global_average_pool(builder, src, "avgpool");
  builder.output("logits", dense(builder, pooled, name, num_classes));
}

}  // namespace nestor
