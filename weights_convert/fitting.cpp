#include "weights_convert/fitting.h"

#include <algorithm>

#include "weights_convert/rename/name_table.h"

namespace nestor {

namespace {

// No network has nearly as many; to compare more with all of them would take long.
constexpr std::size_t kMaxTensors = 16'384;
constexpr std::size_t kHeadParameters = 2;  // weight and bias of the last layer

}  // namespace

Renamed rename(const SourceTensors& tensors, const Network& network,
               std::span<const Parameter> parameters) {
  std::vector<std::string> names;
  for (const SourceTensor* const tensor : tensors) names.push_back(*tensor->name);
  Renamed renamed{canonical_names(name_table(network), parameters, names), {}, {}};
  for (std::size_t i = 0; i < names.size(); ++i) {
    std::optional<std::string>& name = renamed.canonical.names[i];
    if (!name) continue;
    renamed.tensors.push_back(
        {*std::move(name), std::move(names[i]), {tensors[i]->dtype, tensors[i]->shape}});
    renamed.sources.push_back(tensors[i]);
  }
  return renamed;
}

std::vector<NetworkFit> fitting_networks(const SourceTensors& tensors) {
  std::vector<NetworkFit> fits;
  if (tensors.size() > kMaxTensors) return fits;
  for (const Network& network : networks()) {
    const std::vector<Parameter> wanted = parameters(network, {num_classes(network)});
    const auto classes = classes_of(wanted, rename(tensors, network, wanted).tensors);
    if (classes) fits.push_back({&network, *classes});
  }
  return fits;
}

KnownNames::KnownNames(const Network* network) {
  for (const Network& each : networks()) {
    if (network != nullptr && network != &each) continue;
    known_.push_back({&each, parameters(each, {num_classes(each)})});
    std::erase_if(known_.back().parameters, [](const Parameter& p) { return p.optional; });
  }
}

bool KnownNames::explain(std::span<const std::string> names) const {
  return names.size() <= kMaxTensors && std::ranges::any_of(known_, [names](const Known& known) {
           if (names.size() + kHeadParameters < known.parameters.size()) return false;
           const auto found = canonical_names(name_table(*known.network), known.parameters, names);
           return found.num_found + kHeadParameters >= known.parameters.size();
         });
}

}  // namespace nestor
