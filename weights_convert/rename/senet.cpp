// SENet: GluonCV numbers its layers, PyTorch (Cadene, timm) names them; older Gluon has a name scope
// for each stage, in which shortcuts are counted with the rest.
//
//   features.{0,3,6}, .{1,4,7}    layer0.conv{1,2,3}, layer0.bn{1,2,3}
//   features.{10..13}.I.          layer{1..4}.I.
//     body.{0,3,6}, .{1,4,7}        conv{1,2,3}, bn{1,2,3}
//     se.{0,2}                      se_module.fc{1,2}
//   output                        last_linear

#include <fmt/format.h>

#include <algorithm>

#include "engine/check.h"
#include "weights_convert/rename/families.h"

namespace nestor {

namespace {

constexpr std::string_view kStages[] = {"features.10.", "features.11.", "features.12.",
                                        "features.13."};

struct Spelling {
  std::string_view gluon, torch;
};

// Each takes the place of its GluonCV name at the end of a module's name.
constexpr Spelling kLayers[] = {
    {".body.0", ".conv1"},       {".body.1", ".bn1"},         {".body.3", ".conv2"},
    {".body.4", ".bn2"},         {".body.6", ".conv3"},       {".body.7", ".bn3"},
    {".se.0", ".se_module.fc1"}, {".se.2", ".se_module.fc2"},
};
constexpr Spelling kOutsideStages[] = {
    {"features.0", "layer0.conv1"}, {"features.1", "layer0.bn1"},   {"features.3", "layer0.conv2"},
    {"features.4", "layer0.bn2"},   {"features.6", "layer0.conv3"}, {"features.7", "layer0.bn3"},
    {"output", "last_linear"},
};

// 1 to 4; 0: of no stage.
int stage_of(std::string_view name) {
  const auto* const found = std::ranges::find_if(
      kStages, [&](std::string_view stage) { return name.starts_with(stage); });
  return found == std::end(kStages) ? 0 : static_cast<int>(found - kStages) + 1;
}

std::string torch_module(std::string_view module) {
  const int stage = stage_of(module);
  if (stage == 0) {
    const auto* const found = std::ranges::find(kOutsideStages, module, &Spelling::gluon);
    CHECK(found != std::end(kOutsideStages), "{}: not a layer of SENet", module);
    return std::string(found->torch);
  }
  const std::string_view layer = module.substr(kStages[0].size());
  for (const auto& [gluon, torch] : kLayers) {
    if (!layer.ends_with(gluon)) continue;
    return fmt::format("layer{}.{}{}", stage, layer.substr(0, layer.size() - gluon.size()), torch);
  }
  return fmt::format("layer{}.{}", stage, layer);
}

std::string torch_name(std::string_view canonical) {
  const std::string name = with_torch_suffix(canonical);
  const std::size_t dot = name.rfind('.');
  return torch_module(std::string_view(name).substr(0, dot)) + name.substr(dot);
}

std::string legacy_scope(std::string_view module) {
  const int stage = stage_of(module);
  return stage == 0 ? std::string() : fmt::format("stage{}_", stage);
}

std::vector<std::string> legacy_names(std::span<const Parameter> parameters) {
  return scoped_legacy_names(parameters, legacy_scope);
}

}  // namespace

NameTable senet_names() { return {"senet", torch_name, legacy_names, ".body.7.gamma"}; }

}  // namespace nestor
