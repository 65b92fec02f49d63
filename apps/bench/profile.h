#pragma once
// Where a run's time goes.

#include <span>
#include <string>
#include <vector>

#include "apps/bench/row.h"
#include "apps/bench/workload.h"

namespace nestor::bench {

// Each step's median over `runs` runs, in which the steps run one by one. Floors are the plan's on a
// GPU; in fp32 on a CPU the arithmetic at the rate of multiply-adds that its threads reach in
// registers, as activations may lie in caches of unknown speed.
std::vector<StepTime> time_steps(Workload& workload, int runs);

// The steps of all rows as a timeline, one process a row, for chrome://tracing and ui.perfetto.dev
// (Trace Event Format, complete events; microseconds).
std::string trace_document(std::span<const Row> rows);

}  // namespace nestor::bench
