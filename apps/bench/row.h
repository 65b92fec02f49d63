#pragma once
// One row of results: what ran, where, and what was measured.

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "apps/bench/schedule.h"
#include "apps/bench/statistics.h"
#include "engine/plan/plan.h"

namespace nestor::bench {

// What tells a row from the others; rows of two runs with equal ones are compared.
struct RowKey {
  std::string network;
  std::string weights;  // the model file's name without folders; empty: made-up weights
  int batch = 1, height = 0, width = 0;
  std::string precision, device;
  int threads = 0;  // of a CPU; 0: a GPU
  int streams = 1;
  bool transfers = false;            // whether a GPU's times include copies from and to the host
  std::string input;                 // "noise", "photos"
  std::vector<std::string> without;  // variants that were excluded

  auto operator<=>(const RowKey&) const = default;
};

// "resnest50 224x224, batch 16, fp32, cpu, 2 threads"
std::string to_string(const RowKey& key);

// A step of the plan, with the median of its times.
struct StepTime {
  Step step;
  double ms = 0;
  std::optional<double> floor_ms;  // where the device's peaks are known
};

struct Row {
  RowKey key;
  Samples samples;
  double first_answer_ms = 0;        // plan, packing of weights and first run
  std::size_t arena_bytes = 0;       // activations
  std::size_t weight_bytes = 0;      // in the row's precision
  std::size_t process_bytes = 0;     // the most that the process has had resident so far
  std::optional<double> floor_ms;    // of the whole plan
  double load = 0;                   // of the machine, when the row was done
  std::vector<StepTime> steps = {};  // with --profile or --trace
};

// What follows from a row's times.
struct Figures {
  Rounds latency_rounds;  // of one run, in milliseconds
  Statistics latency, upload, compute, download, enqueue;
  double throughput = 0;  // images a second
  double ms_per_image = 0;
  std::optional<double> floor_share;  // floor over median, up to 1
};

Figures figures_of(const Row& row);

// What a reader should know before he trusts the figures, each a sentence.
std::vector<std::string> warnings_of(const Row& row, const Figures& figures);

}  // namespace nestor::bench
