#pragma once
// From the names that a file uses to canonical ones.

#include <cstddef>
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
  // One for each given name: the canonical name; the given one if the network has no such
  // parameter; nothing if the tensor is of no use (a counter) or lies outside the prefix.
  std::vector<std::optional<std::string>> names;
  std::size_t num_found = 0;         // different parameters of the network
  std::string prefix;                // before the names of all parameters: "model."
  std::vector<std::string> outside;  // the given names that neither have the prefix nor are known
  std::vector<std::string> rivals;   // other prefixes under which all parameters lie
};

// The style is the one that explains most of the names. What wrappers (DataParallel, torch.compile)
// put into names is taken out wherever it stands; one prefix before all names is taken away.
CanonicalNames canonical_names(const NameTable& table, std::span<const Parameter> parameters,
                               std::span<const std::string> names);

}  // namespace nestor
