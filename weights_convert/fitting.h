#pragma once
// Which network a file's tensors are of.

#include <span>
#include <string>
#include <vector>

#include "graphs/zoo.h"
#include "weights_convert/rename/match.h"
#include "weights_convert/rename/naming.h"
#include "weights_convert/source_file.h"

namespace nestor {

// Tensors of a file that are to become a network's.
using SourceTensors = std::vector<const SourceTensor*>;

// The tensors under canonical names, those that no network needs left out.
struct Renamed {
  CanonicalNames canonical;
  std::vector<NamedTensor> tensors;
  SourceTensors sources;  // of each of them
};

Renamed rename(const SourceTensors& tensors, const Network& network,
               std::span<const Parameter> parameters);

struct NetworkFit {
  const Network* network = nullptr;
  int num_classes = 0;
};

// The networks whose tensors these are by name and shape, with as many classes as the last layer
// has.
std::vector<NetworkFit> fitting_networks(const SourceTensors& tensors);

// Knows the names of the parameters of one network, or of all for null.
class KnownNames {
 public:
  explicit KnownNames(const Network* network);

  // Whether the names are those of a network in any spelling; its last layer may be missing.
  bool explain(std::span<const std::string> names) const;

 private:
  struct Known {
    const Network* network;
    std::vector<Parameter> parameters;
  };
  std::vector<Known> known_;
};

}  // namespace nestor
