#pragma once
// Running a model.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nestor/export.h"
#include "nestor/normalisation.h"
#include "nestor/precision.h"
#include "nestor/tensor.h"

namespace nestor {

class Model;

inline constexpr int kMaxThreads = 1024;
inline constexpr std::uint64_t kPlanCacheBytes = std::uint64_t{64} << 20;

struct NESTOR_API SessionOptions {
  std::optional<Precision> precision = std::nullopt;  // default: fp16 on GPUs, fp32 on CPUs
  int threads = 0;  // of the CPU device; 0: as many as the process may use
  // Names of variants that plans must not use: to compare variants within whole networks.
  std::vector<std::string> excluded_variants = {};
  // An image's result depends neither on its place in the batch nor on the batch's size, to the
  // bit. GPUs pay for it, by the plan's own account; on the CPU it is so anyway.
  bool deterministic = false;
  // A tuning file, which `nestor-inspect MODEL --tune` wrote: its choices go before the cost model's.
  // One that cannot be used is ignored with a warning. Empty: none.
  std::string tuning = {};
  Normalisation normalisation = {};  // of images that are run as they are
  // Bytes that a plan may need: activations, and the model's weights as the device holds them. Of
  // the host: on a CPU those, on a GPU the outputs. One that needs more is refused with kOutOfMemory,
  // which has the figures, before anything runs. 0: as many as there are.
  std::uint64_t host_memory_limit = 0;
  std::uint64_t device_memory_limit = 0;  // of a GPU
  // Bytes that plans which were used before may be kept with: 8 KB a step, and their outputs. Those
  // used least recently go first; the one in use and those of pending batches stay.
  std::uint64_t plan_cache_limit = kPlanCacheBytes;
};

// Runs a model in one thread: an execution context, an arena, and a cache of plans. On a GPU, runs
// of one session never overlap, and the GPU is the thread's current CUDA device after each.
//
// Not thread-safe: one session a thread. Shares ownership of the model. After any error except
// kDeviceLost it works on. A plan is made at the first run of an input shape; later runs of that
// shape allocate nothing (on a GPU: once the arena has the size of the largest plan; on a CPU: except
// that threads wait by sleeping once the machine turns busy, which starts one more thread). Sessions of
// a model share plans, and plan one at a time. On a CPU, subnormal numbers (below 1.2e-38) count as zero in
// a run; afterwards the caller's thread has its own settings back.
class NESTOR_API Session {
 public:
  // Throws kUnsupported if the model's device cannot compute in that precision.
  Session(std::shared_ptr<const Model> model, SessionOptions options);
  ~Session();
  Session(Session&&) noexcept;

  // Valid until the session's next run or plan.
  struct NESTOR_API Output {
    std::string name;
    TensorView tensor;  // of the value's own type: float32, of indices int32, ...
    // How many rows of each image are in use, the first ones, one number an image; null: all are.
    // Rows are the second dimension of [n, rows, ...], or the items of [n * items, ...].
    const std::int32_t* count = nullptr;
  };

  // --- before the first run ---

  std::string_view device() const;  // "cpu", "cuda:0"
  Precision precision() const;
  int threads() const;  // of a CPU

  // The forms that the network's input may have.
  std::vector<TensorInfo> inputs() const;

  // The outputs of run() for such an input, in the same order.
  std::vector<TensorInfo> outputs(const TensorDesc& input,
                                  std::span<const std::string> taps = {}) const;

  // Names that taps can be.
  std::vector<std::string> tap_names() const;

  // --- one batch ---

  // Runs the network on `input` in host memory and waits for the result. The input is normalised
  // images, float32 [n, 3, h, w]; or images as they are, uint8 [n, h, w, 3], which the device
  // normalises as SessionOptions say, with results equal to the bit: of these a GPU is sent a
  // quarter of the bytes.
  // The outputs are the network's own, then those named by `taps`: intermediate tensors ("layer1",
  // "layer1.attention", or the name of any operator), then those of their counts that are not among
  // them yet, int32 [n]. Taps inside fused parts split these parts in this plan only. Throws
  // kBadInput or kUsage if input or taps do not fit.
  std::span<const Output> run(const TensorView& input, std::span<const std::string> taps = {});

  // --- more than one batch at a time ---
  //
  // On a GPU the next batch is copied to the device, and the last one's results from it, while
  // another is computed:
  //
  //   while (next(input)) {
  //     if (session.num_pending() == session.num_slots()) use(session.collect());
  //     session.submit(input);
  //   }
  //   while (session.num_pending() > 0) use(session.collect());
  //
  // Results come in the order of submission and are those of run(), which is refused, like all
  // else but the functions here, while batches are pending.

  // Batches that may be pending: 2 on a GPU, 1 on a CPU, where submit() computes.
  std::size_t num_slots() const;
  std::size_t num_pending() const;

  // Begins to run the network on `input`, as run() does. Waits for nothing but the first time for
  // plan and memory; `input` may change when it returns. Throws kUsage if num_slots() batches
  // are pending. A batch that is refused, or whose submission fails, is not pending.
  void submit(const TensorView& input, std::span<const std::string> taps = {});

  // Waits for the oldest pending batch. The outputs are valid until the session's next call of
  // submit, collect, run, enqueue or plan. Throws kUsage if nothing is pending; if the device
  // failed, the batch is lost, and no longer pending.
  std::span<const Output> collect();

  // --- tensors in device memory ---

  struct NESTOR_API DeviceBuffer {
    void* data = nullptr;
    std::size_t bytes = 0;  // that there is room for
  };

  // Runs the network on a stream of the caller's (a cudaStream_t of the model's device; not the
  // default stream, and not capturing), on input of run()'s in device memory, in C order, and
  // leaves each output of run() in the caller's device memory, in C order. outputs() lists
  // them.
  //
  // Asynchronous: the run is ordered after all earlier work of the stream and before all later
  // work. Input and outputs must live until the run has completed, and may be
  // other ones in each call. Only the first run of a shape waits: for plan, weights and memory.
  // Calls of one session run one after another, whatever their streams; run() and submit() come
  // behind them, and the session's end waits for them. Input is not checked for numbers that are
  // not finite. A kernel's fault shows as kDeviceLost in a later call. Throws kUsage if
  // stream or outputs do not fit, kUnsupported on a CPU.
  void enqueue(const TensorView& input, std::span<const DeviceBuffer> outputs, void* stream,
               std::span<const std::string> taps = {});

  // The plan that run() would use: a table for people, and the same as JSON. Also for devices that
  // are only described ("cuda:sm_70").
  std::string plan_text(const TensorDesc& input, std::span<const std::string> taps = {});
  std::string plan_json(const TensorDesc& input, std::span<const std::string> taps = {});

  // Why the tuning file was ignored, in words for the user; empty if it was not. A file that
  // asks for the impossible shows when a plan wants it.
  std::span<const std::string> warnings() const;

 private:
  friend struct SessionInternals;  // of the library's own commands and tests
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nestor
