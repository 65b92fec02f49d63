#pragma once
// What a device must offer to the planner and the session.
//
// Choosing (planning) is apart from running: choose() decides on a variant and needs no weights
// and, for CUDA, no GPU; load() and bind() then make the step ready; run() only runs.

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/constants.h"
#include "engine/graph/graph.h"
#include "engine/plan/plan.h"
#include "engine/plan/tuning.h"
#include "nestor/device.h"

namespace nestor {

// Where one step finds its data: one pointer an input (null for constants), one an output.
struct StepPointers {
  std::vector<void*> inputs;
  std::vector<void*> outputs;
  void* workspace = nullptr;
  // Rows in use of the first input and the first output, int32 [images], where a step may skip the
  // others: Value::count of both. Null: all are in use.
  const void* count = nullptr;
};

class ExecutionContext;

// One step made ready to run. What a plan has is shared by sessions and, once loaded, never changes;
// each session binds and runs a copy.
class StepKernel {
 public:
  virtual ~StepKernel() = default;

  // With the same constants, and bound to nothing.
  virtual std::unique_ptr<StepKernel> copy() const = 0;

  // Fetches and prepacks the step's constants, or finds them packed already. `inputs` are the
  // values that the node reads.
  virtual void load(const Constants& constants, std::span<const ValueId> inputs) = 0;

  virtual void bind(const StepPointers& pointers) = 0;

  // Allocates nothing. On a GPU the step is given to the context's stream and not waited for.
  virtual void run(ExecutionContext& context) = 0;
};

using StepKernels = std::span<const std::unique_ptr<StepKernel>>;

// Makes a kernel that can be copied of a class that can.
template <class Kernel, class... Args>
std::unique_ptr<Kernel> make_kernel(Args&&... args) {
  class Copied final : public Kernel {
   public:
    using Kernel::Kernel;
    std::unique_ptr<StepKernel> copy() const override { return std::make_unique<Copied>(*this); }
  };
  return std::make_unique<Copied>(std::forward<Args>(args)...);
}

// From device memory to host memory.
struct Download {
  void* dst;
  const void* src;
  std::size_t bytes;
  std::size_t offset;  // in memory that holds all outputs of a run; a multiple of kArenaAlignment
};

// A thread's means to run steps: thread count on the CPU, streams on a GPU. A run is an upload, the
// steps and the downloads, within one Scope; or begins with submit() and ends with collect(); or is
// the caller's stream's.
class ExecutionContext {
 public:
  virtual ~ExecutionContext() = default;

  // What a context keeps of a plan's steps to repeat them faster: a recorded CUDA graph.
  class Recording {
   public:
    virtual ~Recording() = default;
  };

  // Copies the network's input to where the steps read it; `src` may change afterwards.
  virtual void upload(void* dst, const void* src, std::size_t bytes) = 0;

  // Runs the steps in their order. `recording` is null at their first run since they were bound;
  // the caller keeps what the context puts there until they are bound anew.
  virtual void run(StepKernels steps, std::unique_ptr<Recording>& recording) = 0;

  // Returns when the steps are done and their outputs are in host memory.
  virtual void download(std::span<const Download> outputs) = 0;

  // A plan's steps as they are bound, and what lies where.
  struct BoundSteps {
    StepKernels steps;
    std::unique_ptr<Recording>& recording;
    void* input;  // in the arena, like the outputs' `src`
    std::size_t input_bytes;
    std::span<const Download> outputs;
  };

  // Runs that may be on their way at once.
  virtual std::size_t num_slots() const { return 1; }

  // Begins a run in a slot whose last one was collected; `src` may change afterwards.
  virtual void submit(std::size_t slot, const BoundSteps& run, const void* src);

  // Ends the slot's run. Returns the memory of its outputs, each at its Download::offset, which
  // stays until the slot is used again; null: they are where download() puts them.
  virtual const void* collect(std::size_t slot);

  // Gives a run to a stream of the caller's and waits for nothing: the input from `src`, and each
  // output to its `dst`, in memory of the device. Runs of one context never overlap. Throws
  // kUnsupported if there are no streams.
  virtual void enqueue(const BoundSteps& run, const void* src, std::span<void* const> dst,
                       void* stream);

  // Returns when nothing that was submitted or enqueued uses the arena any more.
  virtual void wait() {}

  // Runs the steps one by one and says how many milliseconds each took.
  virtual std::vector<double> time_steps(StepKernels steps) = 0;

  // Around the steps of one run, whether or not it ends with an exception.
  class Scope {
   public:
    explicit Scope(ExecutionContext& context) : context_(context) { context_.begin(); }
    ~Scope() { context_.end(); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    ExecutionContext& context_;
  };

 private:
  // Called before and after the steps of one run; neither throws.
  virtual void begin() noexcept = 0;
  virtual void end() noexcept = 0;
};

struct StepRequest {
  const Graph& graph;
  const Node& node;
  std::span<const BufferFormat> available;  // the format that each input has now; constants: any
  Precision precision;
  int threads;
  std::string_view forced_variant = {};                 // no other is considered
  std::span<const std::string> excluded_variants = {};  // these are not
  bool deterministic = false;  // an image's bits may not depend on its batch
  const TunedChoices* tuning = nullptr;
  const TunedChoice* pinned = nullptr;  // of forced_variant, no other tile or split
};

struct StepChoice {
  std::string variant;
  // A node that alone reads this one's output and that the step does too: what the step writes is
  // that node's output. Null: none.
  const Node* also = nullptr;
  std::vector<BufferFormat> inputs;  // in which each input is wanted
  std::vector<BufferFormat> outputs;
  int inplace_input = -1;  // outputs[0] is written over this input; -1: into a buffer of its own
  std::size_t workspace_bytes = 0;
  std::size_t unread_bytes = 0;  // of its inputs' buffers, that the step has no use for
  std::unique_ptr<StepKernel> kernel;
  std::optional<GpuLaunch> gpu = std::nullopt;
  std::string why_not = {};  // without a kernel: the reason, if the device knows one
};

// What a device does at best, by its data sheet: floors of plans are measured against it.
struct DevicePeaks {
  std::string device;
  int multiprocessors = 0;
  double flops_per_us = 0;  // in the plan's precision
  double bytes_per_us = 0;  // of device memory
  int element_bytes = 0;    // of activations and weights
};

// One model's weights on one device. Shared by all sessions of the model: every function may be
// called from any thread.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual std::string_view name() const = 0;

  // Throws kUnsupported if the device cannot compute in that precision.
  virtual void require(Precision precision) const = 0;

  // Precision used when SessionOptions names none.
  virtual Precision default_precision() const { return Precision::kFp32; }

  // False: the device is only described, so that plans can be made for it.
  virtual bool can_run() const { return true; }

  // Returns nullopt if the device has no published peaks.
  virtual std::optional<DevicePeaks> peaks(Precision) const { return std::nullopt; }

  // Whether steps can compute in a convolution's load what nodes before it did: then plans have
  // fused convolutions (engine/graph/passes/fuse_loads.h) if their modelled time is shorter.
  virtual bool fuses_loads() const { return false; }

  // The first variant of the node's op that can do it, unless tuning knows a better one; no kernel
  // if there is none. Throws kUsage, listing what there is, if forced_variant is unknown to
  // the op, and TuningError if tuning asks for what cannot be done.
  virtual StepChoice choose(const StepRequest& request) = 0;

  // What tuning files must be for; nothing if there is nothing to tune.
  virtual std::optional<TuningKey> tuning_key(Precision) const { return std::nullopt; }

  // Measures the candidates for one step, unless the report has its problem already.
  virtual void tune(const StepRequest&, const Constants&, const TuneOptions&, TuningReport&) {}

  // Copies a tensor from one format to another. No kernel if that takes two steps, by way of
  // float32 in plain layout.
  virtual StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                                       int threads) = 0;

  // Whether a tensor of that shape has the same bytes in both formats.
  virtual bool same_bytes(const Shape& shape, BufferFormat a, BufferFormat b) const = 0;

  virtual std::size_t buffer_bytes(const Shape& shape, BufferFormat format) const = 0;

  // Bytes of the weights that plans have loaded so far.
  virtual std::size_t loaded_weight_bytes() const = 0;

  // Whether activations and weights lie in memory that is not the host's.
  virtual bool has_own_memory() const { return false; }

  virtual std::unique_ptr<ExecutionContext> make_context(int threads) = 0;

  // Device memory, aligned to kArenaAlignment and zeroed.
  virtual std::shared_ptr<void> allocate(std::size_t bytes) = 0;

  // Host memory for downloads; null if the host reads device memory itself.
  virtual std::shared_ptr<void> allocate_host(std::size_t) { return nullptr; }
};

// Opens a device by name: "cpu", "cuda", "cuda:1"; "cuda:sm_70" for plans alone. Throws
// kUnsupported, saying why it is not there. "auto" is the first GPU, else the CPU; `why_not`, if
// given, then says why it is not a GPU.
std::unique_ptr<Backend> open_backend(std::string_view device, std::string* why_not = nullptr);

// Of the GPUs that a kind of device library finds ("cuda"). Throws kUnsupported, saying why, if there
// is no such library or no driver.
std::vector<DeviceInfo> list_gpus(std::string_view kind);

// "2.6.3": of the oneDNN that the CPU device runs on.
std::string onednn_version();

}  // namespace nestor
