#pragma once
// From the names that a file uses to canonical ones.

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/zoo.h"
#include "weights_convert/rename/name_table.h"

namespace nestor {

enum class NamingStyle {
  kStructural,  // GluonCV, and Nestor's own files: layer1.0.bn1.gamma
  kLegacy,      // older Gluon: resnest_layers1_batchnorm0_gamma, arg:..., layers1_batchnorm0_gamma
  kTorch,       // layer1.0.bn1.weight
};

struct CanonicalNames {
  NamingStyle style = NamingStyle::kStructural;
  // One for each given name: the canonical name; the given one where the network has no such
  // parameter; nothing where the tensor is of no use (num_batches_tracked).
  std::vector<std::optional<std::string>> names;
};

// The style is the one that explains most of the names.
CanonicalNames canonical_names(const NameTable& table, std::span<const Parameter> parameters,
                               std::span<const std::string> names);

}  // namespace nestor
