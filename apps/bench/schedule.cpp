#include "apps/bench/schedule.h"

#include <algorithm>
#include <exception>
#include <thread>

namespace nestor::bench {

namespace {

// Runs one stream for that long, and at least so many times.
std::vector<RunTimes> run_stream(const Run& run, double duration_ms, int iterations,
                                 const Clocks& clocks) {
  std::vector<RunTimes> times;
  const double start = clocks.now_ms();
  while (static_cast<int>(times.size()) < iterations || clocks.now_ms() - start < duration_ms) {
    times.push_back(run());
  }
  return times;
}

std::vector<RunTimes> run_streams(const Streams& streams, double duration_ms, int iterations,
                                  const Clocks& clocks) {
  if (streams.size() == 1) return run_stream(streams[0], duration_ms, iterations, clocks);
  std::vector<std::vector<RunTimes>> times(streams.size());
  std::vector<std::exception_ptr> errors(streams.size());
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < streams.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          times[i] = run_stream(streams[i], duration_ms, iterations, clocks);
        } catch (...) {
          errors[i] = std::current_exception();
        }
      });
    }
  }
  for (const std::exception_ptr& error : errors) {
    if (error != nullptr) std::rethrow_exception(error);
  }
  std::vector<RunTimes> all;
  for (const auto& some : times) all.insert(all.end(), some.begin(), some.end());
  return all;
}

}  // namespace

std::size_t Samples::num_runs() const {
  std::size_t count = 0;
  for (const auto& round : rounds) count += round.size();
  return count;
}

std::vector<Samples> measure(const std::vector<Streams>& rows, const Schedule& schedule,
                             const Clocks& clocks) {
  std::vector<Samples> samples(rows.size());
  std::vector<double> others(rows.size());
  for (const Streams& row : rows) run_streams(row, schedule.warm_up_ms, 1, clocks);
  const int iterations = (schedule.iterations + schedule.rounds - 1) / schedule.rounds;
  for (int round = 0; round < schedule.rounds; ++round) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const ProcessorTimes before = clocks.processors();
      const double start = clocks.now_ms();
      samples[i].rounds.push_back(
          run_streams(rows[i], schedule.duration_ms / schedule.rounds, iterations, clocks));
      samples[i].measured_ms += clocks.now_ms() - start;
      const ProcessorTimes after = clocks.processors();
      others[i] += (after.machine - before.machine) - (after.own - before.own);
    }
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (samples[i].measured_ms <= 0) continue;
    samples[i].others_cores = std::max(0.0, others[i] / (samples[i].measured_ms * 1e-3));
  }
  return samples;
}

Rounds times_of(const Samples& samples, double RunTimes::*part) {
  Rounds rounds;
  for (const auto& runs : samples.rounds) {
    std::vector<double>& times = rounds.emplace_back();
    for (const RunTimes& run : runs) times.push_back(run.*part);
  }
  return rounds;
}

}  // namespace nestor::bench
