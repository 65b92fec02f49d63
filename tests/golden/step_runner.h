#pragma once
// One operator on the CPU device, from plain inputs to plain outputs.

#include <memory>
#include <span>
#include <vector>

#include "engine/graph/graph.h"

namespace nestor::golden {

struct HostTensor {
  TensorDesc desc;
  std::shared_ptr<void> memory;

  template <class T>
  std::span<const T> values() const {
    return {static_cast<const T*>(memory.get()),
            static_cast<std::size_t>(desc.shape.num_elements())};
  }
};

// What the last node of the graph makes of the inputs, in its first variant, with two threads. The
// node reads no weights.
std::vector<HostTensor> run_last_node(const Graph& graph, std::span<const void* const> inputs);

}  // namespace nestor::golden
