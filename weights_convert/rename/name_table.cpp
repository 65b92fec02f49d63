#include "weights_convert/rename/name_table.h"

#include <algorithm>
#include <array>
#include <map>

#include "engine/check.h"
#include "weights_convert/rename/families.h"

namespace nestor {

std::span<const NameTable> name_tables() {
  static const std::array kTables = {resnest_names(),      resnet_names(),  senet_names(),
                                     efficientnet_names(), deeplab_names(), faster_rcnn_names()};
  return kTables;
}

const NameTable& name_table(const Network& network) {
  const auto found = std::ranges::find(name_tables(), network.family, &NameTable::family);
  CHECK(found != name_tables().end(), "{}: no name table for the family {}", network.name,
        network.family);
  return *found;
}

bool fill_fixed_gamma(const Network& network, std::string_view canonical, std::span<float> values) {
  const NameTable& table = name_table(network);
  if (table.is_fixed_gamma == nullptr || !table.is_fixed_gamma(canonical)) return false;
  std::ranges::fill(values, 1.0F);
  return true;
}

namespace {

struct Split {
  std::string_view module, parameter;  // "layer1.0.bn1", "gamma"
};

Split split(std::string_view canonical) {
  const std::size_t dot = canonical.rfind('.');
  CHECK(dot != std::string_view::npos, "{}: not a structural name", canonical);
  return {canonical.substr(0, dot), canonical.substr(dot + 1)};
}

// Stages and their shortcuts have a scope each.
std::string staged_scope(std::string_view module) {
  if (!module.starts_with("layer")) return {};
  const std::string_view stage = module.substr(5, module.find('.') - 5);
  const bool shortcut = module.find(".downsample.") != std::string_view::npos;
  return fmt::format("{}{}_", shortcut ? "down" : "layers", stage);
}

std::string_view kind_of(const Parameter& first_parameter) {
  if (first_parameter.name.ends_with(".gamma")) return "batchnorm";
  return first_parameter.shape.rank() == 2 ? "dense" : "conv";
}

}  // namespace

std::string with_torch_suffix(std::string_view canonical) {
  const auto [module, parameter] = split(canonical);
  const std::string_view torch = parameter == "gamma"  ? "weight"
                                 : parameter == "beta" ? "bias"
                                                       : parameter;
  return fmt::format("{}.{}", module, torch);
}

std::vector<std::string> scoped_legacy_names(std::span<const Parameter> parameters,
                                             std::string (*scope_of)(std::string_view module)) {
  std::vector<std::string> names;
  std::map<std::string, int> counts;  // of each scope and kind
  std::string_view current;
  std::string layer;
  for (const Parameter& parameter : parameters) {
    const auto [module, last] = split(parameter.name);
    if (module != current) {
      current = module;
      layer = fmt::format("{}{}", scope_of(module), kind_of(parameter));
      layer += std::to_string(counts[layer]++);
    }
    names.push_back(fmt::format("{}_{}", layer, last));
  }
  return names;
}

std::vector<std::string> staged_legacy_names(std::span<const Parameter> parameters) {
  return scoped_legacy_names(parameters, staged_scope);
}

}  // namespace nestor
