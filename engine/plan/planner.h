#pragma once
// Graph and backend in, plan out: which variant runs each node, in which formats its tensors lie,
// where conversions are needed, and where everything lies in the arena.

#include <functional>
#include <memory>
#include <vector>

#include "engine/backend.h"
#include "engine/graph/graph.h"
#include "engine/plan/plan.h"
#include "engine/plan/tuning.h"

namespace nestor {

// A plan with what its backend needs to run it: one kernel a step, and the values each step reads.
struct PlannedSteps {
  Plan plan;
  std::vector<std::unique_ptr<StepKernel>> kernels;
  std::vector<std::vector<ValueId>> values;  // of the node's inputs; empty for conversions
  Graph graph;  // as it was planned: with what the backend fuses. Owns those values
};

struct PlanOptions {
  const TunedChoices* tuning = nullptr;  // go before the model's choices
  // Called with what each node's variant is about to be chosen for.
  std::function<void(const StepRequest&)> observe = nullptr;
};

// Throws kUnsupported, naming all of them, if nodes have no variant. Outputs of the plan have the
// values' own types and plain layout. Throws TuningError if the tuning asks for what cannot be
// done.
PlannedSteps make_plan(const Graph& graph, Backend& backend, const PlanKey& key,
                       const PlanOptions& options = {});

}  // namespace nestor
