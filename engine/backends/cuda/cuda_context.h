#pragma once
// What a session's thread runs CUDA steps with: streams, and pinned memory.
//
// The first run of a plan captures its steps as one graph, which later runs launch. Plans compute
// in one arena, one run after another:
//
//   run        one stream: input from pinned memory, the graph, outputs to pinned memory, wait
//   submit     three streams and two slots, so that copies of two runs overlap a third's graph:
//
//     uploads    | input 1 |          | input 2 |          | ...
//     computing            | in, graph 1, out | in, graph 2, out | ...
//     downloads                               | outputs 1 |      | outputs 2 |
//
//              A slot's memory on the device stands between: the arena is the graph's alone.
//   enqueue    the caller's stream: in, graph, out; an event orders it with what comes next

#include "engine/backend.h"
#include "engine/backends/cuda/device_memory.h"
#include "engine/run_clock.h"

namespace nestor::cuda {

class CudaContext : public ExecutionContext, public RunClock {
 public:
  explicit CudaContext(Runtime runtime) : runtime_(std::move(runtime)), stream_(runtime_) {}

  Stream stream() const { return stream_.get(); }

  void upload(void* dst, const void* src, std::size_t bytes) override;
  void run(StepKernels steps, std::unique_ptr<Recording>& recording) override;
  void download(std::span<const Download> outputs) override;
  std::size_t num_slots() const override { return kSlots; }
  void submit(std::size_t slot, const BoundSteps& bound, const void* src) override;
  const void* collect(std::size_t slot) override;
  void enqueue(const BoundSteps& bound, const void* src, std::span<void* const> dst,
               void* stream) override;
  void wait() override;
  RunTimes time_run(const BoundSteps& bound, const void* src, int count) override;
  std::vector<double> time_steps(StepKernels steps) override;

 private:
  void begin() noexcept override {}
  // Waits for what an error left in the stream, so that memory it uses can be given back.
  void end() noexcept override;

  static constexpr std::size_t kSlots = 2;

  // Memory of one run that was submitted, and how far it got.
  struct Slot {
    explicit Slot(const Runtime& runtime)
        : uploaded(runtime), computed(runtime), downloaded(runtime) {}

    Memory host_input, device_input, device_outputs, host_outputs;
    OwnedEvent uploaded, computed, downloaded;
  };

  // What run() has no use for; made at the first submit().
  struct Pipeline {
    explicit Pipeline(const Runtime& runtime)
        : uploads(runtime), downloads(runtime), slots{Slot(runtime), Slot(runtime)} {}

    OwnedStream uploads, downloads;
    Slot slots[kSlots];
  };

  // Grows to at least this size; no run may be in flight.
  void reserve(Memory& memory, std::size_t bytes, Memory::Place place) const;
  void come_after_enqueued();
  std::unique_ptr<Recording> record(StepKernels steps);

  Runtime runtime_;
  OwnedStream stream_;
  Memory staging_;
  Memory filled_;       // while steps are timed
  Memory timed_input_;  // of runs that are timed: the arena's is overwritten
  std::unique_ptr<Pipeline> pipeline_;
  std::unique_ptr<OwnedEvent> enqueued_;  // behind the last run on a stream of the caller's
  bool is_enqueued_ = false;              // whether nobody has come after it yet
  bool in_flight_ = false;                // whether runs were submitted or enqueued since wait()
  // Whether a call gave work and did not come to its end; the caller's stream, if it was that one.
  bool busy_ = false;
  Stream caller_ = nullptr;
};

}  // namespace nestor::cuda
