// Faster R-CNN. GluonCV's backbone and pyramid are one symbol block, whose parameters keep flat names
// behind "features."; all else is structural. Nestor's names, the canonical ones, are structural
// throughout:
//
//   GluonCV                                        Nestor
//   features.resnest_layers1_conv0_weight          features.layer1.0.conv1.weight
//   features.P5_conv_lat_weight                    fpn.lateral5.weight
//   features.P5_lat_bn_gamma, P4_conv1_bn_gamma    fpn.lateral5_norm.gamma, fpn.lateral4_norm.gamma
//   features.P5_conv1_weight, P5_bn_moving_mean    fpn.output5.weight, fpn.output5_norm.running_mean
//   features.P6_conv1_weight, P6_pre_bn_beta       fpn.output6.weight, fpn.output6_norm.beta
//   rpn.rpn_head.conv1.0.weight                    rpn.conv1.weight
//   box_features.0.weight, box_features.1.gamma    box_head.conv1.weight, box_head.norm1.gamma
//   box_features.12.weight                         box_head.fc1.weight
//   class_predictor.weight, box_predictor.weight   the same

#include "graphs/faster_rcnn.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "weights_convert/rename/families.h"

namespace nestor {

namespace {

constexpr std::string_view kBackbone = "features.";

std::string_view after(std::string_view text, std::string_view begin) {
  return text.starts_with(begin) ? text.substr(begin.size()) : std::string_view();
}

// "fpn.lateral4_norm.running_mean" -> "features.P4_conv1_bn_moving_mean"
std::string pyramid_name(std::string_view name) {
  const bool lateral = name.starts_with("lateral");
  const std::size_t digit = name.find_first_of("23456");
  const char level = name[digit];
  const std::string_view parameter = name.substr(name.rfind('.') + 1);
  const bool norm = name.substr(digit + 1).starts_with("_norm");
  std::string_view layer = lateral ? "conv_lat" : "conv1";
  if (norm) {
    // The topmost lateral's batch norm is called otherwise than the others'.
    layer = level == '6' ? "pre_bn" : !lateral ? "bn" : level == '5' ? "lat_bn" : "conv1_bn";
  }
  const std::string_view running = after(parameter, "running_");
  return running.empty() ? fmt::format("features.P{}_{}_{}", level, layer, parameter)
                         : fmt::format("features.P{}_{}_moving_{}", level, layer, running);
}

// Of the box head, a sequence in which activations and batch norms are counted, too.
std::string head_name(std::string_view name, int num_convolutions) {
  const std::string_view parameter = name.substr(name.rfind('.') + 1);
  const int number = name[name.rfind('.') - 1] - '1';
  int place = 3 * number;
  if (name.starts_with("norm")) place += 1;
  if (name.starts_with("fc")) place = 3 * num_convolutions + 2 * number;
  return fmt::format("box_features.{}.{}", place, parameter);
}

std::vector<std::string> backbone_names(std::span<const Parameter> parameters) {
  std::vector<Parameter> own;
  bool resnest = false, deep_stem = false;
  for (const Parameter& parameter : parameters) {
    const std::string_view name = after(parameter.name, kBackbone);
    if (name.empty()) continue;
    own.push_back({std::string(name), parameter.shape});
    resnest = resnest || name.find(".conv2.fc1.") != std::string_view::npos;
    deep_stem = deep_stem || name.starts_with("conv1.0.");
  }
  const std::string_view prefix = resnest ? "resnest_" : deep_stem ? "resnetv1d_" : "resnetv1b_";
  std::vector<std::string> names = staged_legacy_names(own);
  for (std::string& name : names) name = fmt::format("{}{}{}", kBackbone, prefix, name);
  return names;
}

std::vector<std::string> gluoncv_names(std::span<const Parameter> parameters) {
  const std::vector<std::string> backbone = backbone_names(parameters);
  const auto num_convolutions =
      static_cast<int>(std::ranges::count_if(parameters, [](const Parameter& parameter) {
        return parameter.name.starts_with("box_head.conv");
      }));
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) {
    const std::string_view name = parameter.name;
    if (name.starts_with(kBackbone)) {
      names.push_back(backbone[names.size()]);
    } else if (name.starts_with("fpn.")) {
      names.push_back(pyramid_name(after(name, "fpn.")));
    } else if (name.starts_with("rpn.conv1.")) {
      names.push_back(fmt::format("rpn.rpn_head.conv1.0.{}", after(name, "rpn.conv1.")));
    } else if (name.starts_with("rpn.")) {
      names.push_back(fmt::format("rpn.rpn_head.{}", after(name, "rpn.")));
    } else if (name.starts_with("box_head.")) {
      names.push_back(head_name(after(name, "box_head."), num_convolutions));
    } else {
      names.emplace_back(name);
    }
  }
  return names;
}

// What GluonCV stores besides its parameters: anchors and box constants, which are computed here and
// checked (detector_constants.h), and leftovers of training.
bool is_leftover(std::string_view name) {
  return name.starts_with("rpn.anchor_generator.") || name.starts_with("_target_generator.") ||
         name.starts_with("rpn.anchor_target") || name.starts_with("sampler.") ||
         name.starts_with("box_decoder.") || name.starts_with("cls_decoder.");
}

// The pyramid's batch norms have a fixed scale; the file's gammas mean nothing.
bool is_fixed_gamma(std::string_view canonical) {
  return canonical.starts_with("fpn.") && canonical.ends_with("_norm.gamma");
}

}  // namespace

NameTable faster_rcnn_names() {
  return {.family = "faster_rcnn",
          .torch_name = with_torch_suffix,
          .legacy_names = gluoncv_names,
          .last_gamma = ".bn3.gamma",
          .is_leftover = is_leftover,
          .is_fixed_gamma = is_fixed_gamma};
}

}  // namespace nestor
