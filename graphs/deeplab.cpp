// DeepLabV3 segmenters: a backbone with output stride 8, atrous spatial pyramid pooling, and a head
// whose scores are resized to the image.
//
//   ASPP   C5 -> 1x1                                  -+
//             -> 3x3 dilated by 12, 24, 36 (three)     +-> concat -> 1x1 (project)
//             -> global average pool -> 1x1 -> resize -+
//   head   -> 3x3 -> 1x1 with bias = scores -> align-corners resize = logits -> argmax
//
// Each convolution but the last is followed by batch norm and ReLU. All of this at any image size,
// as GluonCV's predict(): features are an eighth of the image, rounded up at each halving, and the
// pooled branch is resized to them.
//
// Input: RGB / 255, minus mean, divided by std, in the image's own size. The auxiliary head on C4
// belongs to training: its parameters are in the published files, and nothing here runs it.
// Sources: dmlc/gluon-cv:gluoncv/model_zoo/{deeplabv3,segbase,fcn}.py@v0.7.0.

#include "graphs/deeplab.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/ops/class_map/class_map.h"
#include "engine/ops/concat/concat.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "graphs/resnest.h"
#include "graphs/resnet.h"

namespace nestor {

namespace {

struct DeepLabConfig {
  std::string_view name;
  std::string_view backbone;
  std::int64_t channels = 256;  // of the branches and the head
};

constexpr DeepLabConfig kConfigs[] = {
    {"deeplab_resnet101_ade", "resnet101_v1s"}, {"deeplab_resnest50_ade", "resnest50"},
    {"deeplab_resnest101_ade", "resnest101"},   {"deeplab_resnest200_ade", "resnest200"},
    {"deeplab_resnest269_ade", "resnest269"},   {"deeplab_resnest_mini", "resnest_mini", 48},
};

constexpr int kRates[] = {12, 24, 36};

Stages backbone(GraphBuilder& builder, ValueId src, std::string_view name) {
  if (const ResNestConfig* const resnest = find_resnest(name)) {
    return resnest_backbone(builder, src, *resnest, Dilation::kStride8);
  }
  const ResNetConfig* const resnet = find_resnet(name);
  CHECK(resnet != nullptr, "{} is not a backbone", name);
  return resnet_backbone(builder, src, *resnet, Dilation::kStride8);
}

ResizeBilinearParams size_of(const GraphBuilder& builder, ValueId value) {
  return {builder.shape(value)[2], builder.shape(value)[3]};
}

ValueId pooled_branch(GraphBuilder& builder, ValueId src, std::int64_t channels) {
  const GraphBuilder::Scope scope(builder, "gap");
  const ValueId pooled = global_average_pool(builder, src, "0");
  const ValueId projected = conv_norm(builder, pooled, "1", "2", {.channels = channels}, true);
  return resize_bilinear(builder, projected, "resize", size_of(builder, src));
}

ValueId branch(GraphBuilder& builder, ValueId src, std::size_t idx, std::int64_t channels) {
  const GraphBuilder::Scope scope(builder, std::to_string(idx));
  if (idx == 0) return conv_norm(builder, src, "0", "1", {.channels = channels}, true);
  if (idx > std::size(kRates)) return pooled_branch(builder, src, channels);
  const int rate = kRates[idx - 1];
  return conv_norm(builder, src, "0", "1",
                   {.channels = channels, .kernel = 3, .pad = rate, .dilation = rate}, true);
}

}  // namespace

ValueId aspp(GraphBuilder& builder, ValueId src, std::int64_t channels) {
  std::vector<ValueId> branches;
  {
    const GraphBuilder::Scope scope(builder, "concurent");
    for (std::size_t idx = 0; idx < std::size(kRates) + 2; ++idx) {
      branches.push_back(branch(builder, src, idx, channels));
      builder.tap(builder.path(std::to_string(idx)), branches.back());
    }
  }
  const ValueId all = concat(builder, branches, "concat");
  ValueId projected = -1;
  {
    const GraphBuilder::Scope scope(builder, "project");
    projected = conv_norm(builder, all, "0", "1", {.channels = channels}, true);
  }
  builder.tap(builder.path("project"), projected);
  return projected;
}

namespace {

// 3x3, and the scores of each class; parameters block.0, .1 and .4, tap "block.2".
ValueId scores(GraphBuilder& builder, ValueId src, std::int64_t channels, int num_classes) {
  const GraphBuilder::Scope scope(builder, "block");
  const ValueId x =
      conv_norm(builder, src, "0", "1", {.channels = channels, .kernel = 3, .pad = 1}, true);
  builder.tap(builder.path("2"), x);
  return convolution(builder, x, "4", {.channels = num_classes, .bias = true});
}

ValueId head(GraphBuilder& builder, ValueId src, std::int64_t channels, int num_classes) {
  const GraphBuilder::Scope scope(builder, "head");
  ValueId pyramid = -1;
  {
    const GraphBuilder::Scope aspp_scope(builder, "aspp");
    pyramid = aspp(builder, src, channels);
  }
  return scores(builder, pyramid, channels, num_classes);
}

}  // namespace

void build_deeplab(GraphBuilder& builder, ValueId input, const Network& network,
                   const NetworkOptions& options) {
  const auto* const config = std::ranges::find(kConfigs, network.name, &DeepLabConfig::name);
  CHECK(config != std::end(kConfigs), "{} is not a DeepLab", network.name);
  const Stages features = backbone(builder, input, config->backbone);
  const ValueId small = head(builder, features.stage[3], config->channels, options.num_classes);
  builder.tap("head", small);
  resize_bilinear(builder, small, "logits", size_of(builder, input));
  builder.output("classes", class_map(builder, small, "classes", size_of(builder, input)));
  const auto* const contract = std::get_if<Segmentation>(&network.contract);
  if (!options.auxiliary || contract == nullptr || contract->auxiliary.empty()) return;
  const GraphBuilder::Scope scope(builder, kAuxiliaryHead);
  const ValueId c4 = features.stage[2];
  scores(builder, c4, builder.shape(c4)[1] / 4, options.num_classes);
}

}  // namespace nestor
