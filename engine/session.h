#pragma once
// Running a model.
// A public header: standard library only.

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/model.h"
#include "engine/plan/plan.h"
#include "engine/tensor.h"

namespace nestor {

inline constexpr int kMaxThreads = 1024;

struct SessionOptions {
  Precision precision = Precision::kFp32;
  int threads = 0;  // of the CPU device; 0: as many as the process may use
  // Names of variants that plans must not use: to compare variants within whole networks.
  std::vector<std::string> excluded_variants = {};
};

// One thread's means to run a model: an execution context, an arena, and a cache of plans.
//
// Not thread-safe: one session a thread. Shares ownership of the model. After any error except
// kDeviceLost it works on. A plan is made at the first run of an input shape; later runs of that
// shape allocate nothing. The most recently used kMaxPlans plans are kept.
class Session {
 public:
  static constexpr std::size_t kMaxPlans = 16;

  // Throws kUnsupported where the model's device cannot compute in that precision.
  Session(std::shared_ptr<const Model> model, SessionOptions options);
  ~Session();
  Session(Session&&) noexcept;

  struct Output {
    std::string name;
    TensorView tensor;  // float32; valid, like the name, until the session's next run or plan
  };

  // Runs the network on `input`, float32 [n, 3, h, w] in host memory, and waits for the result.
  // The outputs are the network's own and then those named by `taps`: intermediate tensors
  // ("layer1", "layer1.attention", or the name of any operator). Taps inside fused parts split
  // these parts in this plan only. Throws kBadInput or kUsage where input or taps do not fit.
  std::span<const Output> run(const TensorView& input, std::span<const std::string> taps = {});

  // The plan that run() would use. The reference is valid until the session's next run or plan.
  const Plan& plan(const Shape& input, std::span<const std::string> taps = {});

  // Milliseconds that each step of the plan took, in one run.
  struct Profile {
    std::vector<double> step_ms;
    double total_ms = 0;
  };
  Profile profile(const TensorView& input);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace nestor
