#pragma once
// When the rows of a grid run: in turns, so that what changes slowly hits all of them alike.

#include <functional>
#include <vector>

#include "apps/bench/comparison.h"
#include "engine/run_times.h"

namespace nestor::bench {

struct Schedule {
  double warm_up_ms = 200;  // of each row, at least one run
  double duration_ms = 3000;
  int iterations = 10;  // at least so many runs of each row and so long
  int rounds = 10;
};

// The processor time of the whole machine and of this process, in seconds since some moment.
struct ProcessorTimes {
  double machine = 0, own = 0;
};

// The clocks of the host; tests have their own.
struct Clocks {
  std::function<double()> now_ms;
  std::function<ProcessorTimes()> processors;
};

Clocks system_clocks();

// One run. Each stream of a row runs in a thread of its own.
using Run = std::function<RunTimes()>;
using Streams = std::vector<Run>;

// What was measured of one row.
struct Samples {
  std::vector<std::vector<RunTimes>> rounds;
  double measured_ms = 0;   // by the clock, while it ran
  double others_cores = 0;  // cores that other programs kept busy meanwhile, on average

  std::size_t num_runs() const;
};

// Warms all rows up, then runs them round by round. An exception of a stream ends everything.
std::vector<Samples> measure(const std::vector<Streams>& rows, const Schedule& schedule,
                             const Clocks& clocks);

// One number of each run.
Rounds times_of(const Samples& samples, double RunTimes::*part);

}  // namespace nestor::bench
