#pragma once
// Steps that make many items of each image one by one: what a detector computes of its regions. They
// run on groups of items, and only on groups that hold an item in use, so that their time follows
// the count. A group's size depends on nothing but the shapes of an item, and an item's place in its
// group on nothing but its place in the image: results are the same in any batch.

#include <functional>

#include "engine/backends/cpu/cpu_backend.h"

namespace nestor::cpu {

// Whether the node is one of those.
bool is_of_items(const Graph& graph, const Node& node);

// The choice that `choose` makes for one group, repeated for all of them.
using Choose = std::function<StepChoice(const StepRequest& request)>;
StepChoice choose_by_groups(const StepRequest& request, const CpuBackend& backend,
                            const Choose& choose);

}  // namespace nestor::cpu
