#pragma once
// A plan: all that was decided about running a graph, as plain data. Made by the planner, printed
// for people, written as JSON for programs; running it decides nothing any more.

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/layout.h"
#include "nestor/normalisation.h"
#include "nestor/precision.h"
#include "nestor/tensor.h"

namespace nestor {

// What a plan is made for; the key of a model's plans.
struct PlanKey {
  std::int64_t batch = 1;
  std::int64_t channels = 3;
  std::int64_t height = 224;
  std::int64_t width = 224;
  Precision precision = Precision::kFp32;
  std::string device = "cpu";
  int threads = 1;
  std::vector<std::string> taps;  // values the user asked for besides the network's outputs
  std::vector<std::string> excluded_variants;
  bool deterministic = false;  // an image's result depends on nothing else in its batch
  std::optional<Normalisation> images = std::nullopt;  // the input is bytes, normalised so

  auto operator<=>(const PlanKey&) const = default;
};

// How a buffer's elements are stored.
struct BufferFormat {
  DType dtype = DType::kFloat32;
  Layout layout = Layout::kPlain;
  // Behind the elements lie float32 sums over pixels that a CUDA step left for split attention
  // (kernels/split_attention/split_attention.h), cut at tiles of that many pixels; 0: none.
  std::int32_t sums_tile = 0;
  std::int32_t sums_parts = 0;  // groups of channels that were summed apart
  // The elements are levels of images, uint8 and NHWC, and stand for what these make of them.
  std::optional<Normalisation> levels = std::nullopt;

  bool operator==(const BufferFormat&) const = default;
};

std::string to_string(const BufferFormat& format);

struct Buffer {
  std::string name;  // of the value it holds (the last one, if a step overwrites its input)
  Shape shape;       // logical, NCHW
  BufferFormat format;
  std::size_t bytes = 0;
  std::size_t offset = 0;  // in the arena
  int first_step = 0;      // live from the beginning of this step ...
  int last_step = 0;       // ... to the end of this one
};

// How a step runs on a GPU, and what the planner's model says of it.
struct GpuLaunch {
  std::array<std::int64_t, 3> grid{};  // blocks
  int block = 0;                       // threads
  int shared_bytes = 0;                // of one block
  int launches = 1;    // kernels of the step; the numbers here are of the one that takes the time
  double waves = 0;    // of blocks on the device's multiprocessors
  std::string tile;    // "128x128x32, split 2"; empty for kernels without tiles
  bool tuned = false;  // chosen by a tuning file, not by the model
  std::int64_t workspace_traffic_bytes = 0;  // written and read again by the step
  double modelled_us = 0;
  double floor_us = 0;  // inputs read and outputs written once, arithmetic at the peak
};

struct Step {
  std::string name;  // of the graph's node
  std::string op;
  std::string variant;
  std::string parameters;    // as the op describes them
  std::vector<int> inputs;   // indices into Plan::buffers; -1 for a constant
  std::vector<int> outputs;  // likewise; equal to an input if the step works in place
  int count = -1;            // buffer of StepPointers::count; -1: all rows are in use
  std::size_t workspace_bytes = 0;
  std::size_t workspace_offset = 0;
  std::int64_t multiply_adds = 0;
  // Inputs, constants and outputs, each once, and the traffic of the workspace if it is known.
  std::int64_t bytes = 0;
  std::optional<GpuLaunch> gpu = std::nullopt;
};

// Sums of a plan for a GPU, in bytes and microseconds for the whole batch.
struct GpuTotals {
  std::string device;  // whose numbers these are: "V100-SXM2"
  int multiprocessors = 0;
  int launches = 0;
  double modelled_us = 0;
  double steps_floor_us = 0;
  // Of the fully fused network, whatever this plan fuses (engine/plan/fused_floor.h).
  std::int64_t floor_bytes = 0;
  double floor_us = 0;
  // Of deterministic plans: of the plan that may depend on the batch.
  double batch_dependent_us = 0;
};

struct PlanOutput {
  std::string name;
  int buffer = -1;
  int count = -1;  // of the outputs, that says how many rows of each image are in use; -1: all are
};

struct Plan {
  PlanKey key;
  std::vector<Buffer> buffers;
  std::vector<Step> steps;
  int input = -1;  // buffer of the network's input
  // Those of the graph, then the counts of rows that they did not have among them.
  std::vector<PlanOutput> outputs;
  std::size_t arena_bytes = 0;
  std::size_t lower_bound_bytes = 0;  // the most that is live at once: no arena can be smaller
  std::optional<GpuTotals> gpu;
};

// A table for people: one line a step, totals below.
std::string to_string(const Plan& plan);

// The same as JSON: "steps", "buffers", "outputs", "arena_bytes", "lower_bound_bytes", ...
std::string to_json(const Plan& plan);

}  // namespace nestor
