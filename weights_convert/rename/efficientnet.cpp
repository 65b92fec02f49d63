// EfficientNet: timm's names are Nestor's but for batch norms. GluonCV has none.

#include "weights_convert/rename/families.h"

namespace nestor {

namespace {

std::vector<std::string> no_legacy_names(std::span<const Parameter> parameters) {
  std::vector<std::string> names;
  for (const Parameter& parameter : parameters) names.push_back(parameter.name);
  return names;
}

}  // namespace

NameTable efficientnet_names() {
  return {"efficientnet", with_torch_suffix, no_legacy_names, ".bn3.gamma"};
}

}  // namespace nestor
