#pragma once
// How other frameworks spell the parameters of each model family. Nestor's own names, the canonical
// ones, are GluonCV's structural names: "layer1.0.conv2.bn.gamma".

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/zoo.h"

namespace nestor {

struct NameTable {
  std::string_view family;  // Network::family

  // The name in PyTorch state dicts (ResNeSt's repository and timm).
  std::string (*torch_name)(std::string_view canonical);

  // The names in files of older Gluon, without the network's prefix ("resnest_"), for all
  // parameters of a network in its order.
  std::vector<std::string> (*legacy_names)(std::span<const Parameter> parameters);

  // How the gammas end that belong to the last batch norm of a residual branch.
  std::string_view last_gamma;

  // Whether files have a tensor of that name besides the parameters; null: they have none.
  bool (*is_leftover)(std::string_view name) = nullptr;

  // Whether the parameter of that name is 1 everywhere, whatever files say; null: none is.
  bool (*is_fixed_gamma)(std::string_view canonical) = nullptr;
};

std::span<const NameTable> name_tables();

// The table of the network's family.
const NameTable& name_table(const Network& network);

// Fills the values of a parameter that is 1 whatever files say. Returns whether it is one.
bool fill_fixed_gamma(const Network& network, std::string_view canonical, std::span<float> values);

// GluonCV's name with the parameters of batch norms as PyTorch calls them: gamma -> weight,
// beta -> bias.
std::string with_torch_suffix(std::string_view canonical);

// Gluon's legacy names: "conv0_weight", "stage1_batchnorm3_gamma". Layers are counted by kind within
// the name scope ("stage1_"; nothing: none) that `scope_of` says of their modules.
std::vector<std::string> scoped_legacy_names(std::span<const Parameter> parameters,
                                             std::string (*scope_of)(std::string_view module));

// Those of a network whose four stages are "layer1" to "layer4": "layers1_batchnorm3_gamma",
// "down1_conv0_weight".
std::vector<std::string> staged_legacy_names(std::span<const Parameter> parameters);

}  // namespace nestor
