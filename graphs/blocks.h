#pragma once
// Parts that several networks share.

#include <array>
#include <functional>

#include "engine/graph/builder.h"
#include "engine/ops/convolution/convolution.h"

namespace nestor {

// One residual stage of a network whose later stages may be dilated (see Dilation).
struct Stage {
  int stride = 1;          // of the first block
  int first_dilation = 1;  // of the first block
  int dilation = 1;        // of the others, and what the AVD rule compares with
};

// How stages 3 and 4 trade their stride for dilation. kNone: output stride 32, for classification
// and detection; kStride16: stage 4 dilated by 2; kStride8: stage 3 by 2 and stage 4 by 4, for
// segmentation.
enum class Dilation { kNone, kStride16, kStride8 };

// Stages 1 to 4, idx 0 to 3.
Stage stage(int idx, Dilation dilation);

// A residual block's place in a network.
struct BlockPlace {
  std::int64_t planes;  // output channels / 4
  int stride;           //
  int dilation;         //
  bool begins_coarser;  // the first of a stage that has fewer pixels, or dilation instead
};

// Adds the block at that place.
using MakeBlock = std::function<ValueId(ValueId src, const BlockPlace& place)>;

struct StagesConfig {
  std::array<int, 4> layers;  // blocks of each stage
  std::int64_t planes = 64;   // of the first stage, doubled from stage to stage
  Dilation dilation = Dilation::kNone;
};

// Values after each stage, C2 to C5 in the terms of detectors.
struct Stages {
  ValueId stage[4];
};

// The four stages of a residual network, in scopes "layer1" to "layer4" with blocks "0", "1", ...
// Taps "layer1" to "layer4", and "layer1.0", ... the blocks.
Stages stages(GraphBuilder& builder, ValueId src, const StagesConfig& config,
              const MakeBlock& make_block);

// convolution -> batch norm [-> ReLU]; `conv` and `norm` name their parameters.
ValueId conv_norm(GraphBuilder& builder, ValueId src, std::string_view conv, std::string_view norm,
                  const ConvolutionSpec& spec, bool activate);

// Three 3x3 convolutions, the first with stride 2, then the max pool: `width`, `width` and
// 2 * `width` channels, parameters conv1.0 to conv1.6 and bn1. Tap "stem".
ValueId deep_stem(GraphBuilder& builder, ValueId src, int width);

// The max pool that ends every stem: 3x3, stride 2, pad 1. Tap "stem".
ValueId stem_pool(GraphBuilder& builder, ValueId src);

// Shortcut of a residual block: average pool over stride x stride pixels, which divides by the
// pixels that exist, then 1x1 convolution and batch norm, parameters downsample.1 and .2.
ValueId pooled_shortcut(GraphBuilder& builder, ValueId src, std::int64_t channels, int stride);

// Global average pool and the fully connected layer of that name; the output "logits".
void classification_head(GraphBuilder& builder, ValueId src, int num_classes,
                         std::string_view name = "fc");

}  // namespace nestor
