#include "nestor/networks.h"

#include "graphs/zoo.h"

namespace nestor {

std::vector<NetworkInfo> list_networks() {
  std::vector<NetworkInfo> list;
  for (const Network& network : networks()) {
    const Shape input = nominal_input(network);
    list.push_back({.name = std::string(network.name),
                    .family = std::string(network.family),
                    .task = task(network),
                    .input_height = static_cast<int>(input[2]),
                    .input_width = static_cast<int>(input[3]),
                    .num_classes = num_classes(network)});
  }
  return list;
}

}  // namespace nestor
