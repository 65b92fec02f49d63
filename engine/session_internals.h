#pragma once
// What the commands, benchmarks and tests do with a session besides running it.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/model.h"
#include "engine/plan/plan.h"
#include "engine/plan/tuning.h"
#include "engine/run_times.h"
#include "nestor/session.h"

namespace nestor {

// Milliseconds that each step of a plan took, in one run.
struct Profile {
  std::vector<double> step_ms;
  double total_ms = 0;
};

struct SessionInternals {
  using Taps = std::span<const std::string>;

  // The plan that run() would use, for devices that are only described, too. The reference is valid
  // until the session's next run or plan. Where only the shape is given, [n, 3, h, w], the input is
  // float32.
  static const Plan& plan(Session& session, const TensorDesc& input, Taps taps = {});
  static const Plan& plan(Session& session, const Shape& input, Taps taps = {});

  // Throws kOutOfMemory, with the figures, if `bytes` for `what`, which the caller takes beside that
  // plan, are more of the host's memory than the session's limit allows, or than there is.
  static void require_memory(Session& session, const Shape& input, Taps taps, std::size_t bytes,
                             std::string_view what);

  // Measures the candidates for every step of the plan for that input, [n, 3, h, w], that has
  // several, on the GPU, and says which was fastest; update_tuning() keeps that for later sessions.
  // Takes seconds to minutes. Deterministic plans of any batch use what was measured for batch 16.
  // Throws kUnsupported if the device has nothing to choose from or is not there.
  static TuningReport tune(Session& session, const Shape& input, const TuneOptions& options = {});

  // Times `count` runs of the input, one behind the other; a GPU gets the input and gives the
  // outputs once, and in between need not wait for the host.
  static RunTimes time_run(Session& session, const TensorView& input, int count = 1);

  static Profile profile(Session& session, const TensorView& input);
};

}  // namespace nestor
