#pragma once
// Timing the parts of a run.

#include "engine/backend.h"
#include "engine/run_times.h"

namespace nestor {

// A context whose device has a clock of its own.
class RunClock {
 public:
  virtual ~RunClock() = default;

  // Times `count` runs of one input, one behind the other, and returns when the last one's outputs
  // are in host memory. A device with memory of its own gets the input and gives the outputs once,
  // so that in between it need not wait for the host.
  virtual RunTimes time_run(const ExecutionContext::BoundSteps& run, const void* src,
                            int count) = 0;
};

// The same by the context's own clock, or by the host's where it has none.
RunTimes time_run(ExecutionContext& context, const ExecutionContext::BoundSteps& run,
                  const void* src, int count);

}  // namespace nestor
