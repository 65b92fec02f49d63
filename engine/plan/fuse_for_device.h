#pragma once
// The fusions that depend on the device: after the passes, before the plan.

#include "engine/backend.h"
#include "engine/graph/graph.h"

namespace nestor {

// The graph with fused loads (engine/graph/passes/fuse_loads.h) wherever the backend's modelled
// time of the fused nodes is shorter than that of the nodes apart, both by the variants that a plan
// for `key` would take. The graph as it is for backends that fuse no loads.
Graph fuse_for_device(const Graph& graph, Backend& backend, const PlanKey& key);

}  // namespace nestor
