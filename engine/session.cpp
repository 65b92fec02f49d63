#include "engine/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <list>
#include <thread>

#include "engine/backend.h"
#include "engine/check.h"
#include "engine/finite.h"
#include "engine/graph/passes/pass.h"
#include "engine/plan/planner.h"

namespace nestor {

namespace {

// A plan whose kernels have their weights.
struct LoadedPlan {
  PlannedSteps planned;
  std::vector<Session::Output> outputs;
  std::byte* arena = nullptr;  // that the kernels are bound to
  // Of each step, into that arena. Kept, so that moving to a larger arena allocates nothing either.
  std::vector<StepPointers> pointers;

  const Shape& input() const { return planned.plan.buffers[input_idx()].shape; }
  std::size_t input_idx() const { return static_cast<std::size_t>(planned.plan.input); }
};

std::byte* at(std::byte* arena, const Plan& plan, int buffer) {
  return arena + plan.buffers[static_cast<std::size_t>(buffer)].offset;
}

}  // namespace

struct Session::State {
  std::shared_ptr<const Model> model;
  SessionOptions options;
  std::unique_ptr<ExecutionContext> context;
  std::shared_ptr<void> arena;
  std::size_t arena_bytes = 0;
  std::list<LoadedPlan> plans;  // the most recently used first

  bool serves(const LoadedPlan& loaded, const Shape& input,
              std::span<const std::string> taps) const {
    return loaded.input() == input && std::ranges::equal(loaded.planned.plan.key.taps, taps);
  }

  LoadedPlan& find_or_make(const Shape& input, std::span<const std::string> taps) {
    CHECK_AS(kBadInput, input.rank() == 4, "the input is {}, expected [batch, 3, height, width]",
             input.to_string());
    for (auto it = plans.begin(); it != plans.end(); ++it) {
      if (!serves(*it, input, taps)) continue;
      plans.splice(plans.begin(), plans, it);
      return plans.front();
    }
    plans.push_front(make(input, taps));
    if (plans.size() > kMaxPlans) plans.pop_back();
    return plans.front();
  }

  LoadedPlan make(const Shape& input, std::span<const std::string> taps) {
    const Graph graph = apply_passes(with_taps(model->graph(input), taps));
    Backend& backend = model->backend();
    const PlanKey key{.batch = input[0],
                      .height = input[2],
                      .width = input[3],
                      .precision = options.precision,
                      .device = std::string(backend.name()),
                      .threads = options.threads,
                      .taps = {taps.begin(), taps.end()},
                      .excluded_variants = options.excluded_variants};
    LoadedPlan loaded{.planned = make_plan(graph, backend, key), .outputs = {}};
    const Constants constants(graph, model->weights());
    for (std::size_t i = 0; i < loaded.planned.kernels.size(); ++i) {
      loaded.planned.kernels[i]->load(constants, loaded.planned.values[i]);
    }
    for (const PlanOutput& output : loaded.planned.plan.outputs) {
      const Buffer& buffer = loaded.planned.plan.buffers[static_cast<std::size_t>(output.buffer)];
      loaded.outputs.push_back({output.name, {{DType::kFloat32, buffer.shape}, nullptr}});
    }
    for (const Step& step : loaded.planned.plan.steps) {
      loaded.pointers.push_back({std::vector<void*>(step.inputs.size()),
                                 std::vector<void*>(step.outputs.size()), nullptr});
    }
    return loaded;
  }

  // Points the plan's kernels at the arena, which is made larger where the plan needs it.
  void bind(LoadedPlan& loaded) {
    const Plan& plan = loaded.planned.plan;
    if (plan.arena_bytes > arena_bytes) {
      arena.reset();
      arena_bytes = 0;
      arena = model->backend().allocate(plan.arena_bytes);
      arena_bytes = plan.arena_bytes;
    }
    auto* const base = static_cast<std::byte*>(arena.get());
    if (loaded.arena == base) return;
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      const Step& step = plan.steps[i];
      StepPointers& pointers = loaded.pointers[i];
      std::ranges::transform(step.inputs, pointers.inputs.begin(),
                             [&](int idx) { return idx < 0 ? nullptr : at(base, plan, idx); });
      std::ranges::transform(step.outputs, pointers.outputs.begin(),
                             [&](int idx) { return at(base, plan, idx); });
      pointers.workspace = base + step.workspace_offset;
      loaded.planned.kernels[i]->bind(pointers);
    }
    for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
      loaded.outputs[i].tensor.data = at(base, plan, plan.outputs[i].buffer);
    }
    loaded.arena = base;
  }

  LoadedPlan& prepare(const TensorView& input, std::span<const std::string> taps) {
    CHECK_AS(kBadInput, input.desc.dtype == DType::kFloat32, "the input is {}, expected float32",
             to_string(input.desc.dtype));
    CHECK_AS(kBadInput, input.data != nullptr, "the input {} has no data", to_string(input.desc));
    LoadedPlan& loaded = find_or_make(input.desc.shape, taps);
    bind(loaded);
    const auto num_elements = static_cast<std::size_t>(input.desc.shape.num_elements());
    const std::optional<std::size_t> bad = first_not_finite({input.as<float>(), num_elements});
    CHECK_AS(kBadInput, !bad, "the input is {} at its element {}, expected finite numbers",
             input.as<float>()[*bad], *bad);
    std::memcpy(at(loaded.arena, loaded.planned.plan, loaded.planned.plan.input), input.data,
                input.bytes());
    return loaded;
  }
};

Session::Session(std::shared_ptr<const Model> model, SessionOptions options)
    : state_(std::make_unique<State>()) {
  CHECK_AS(kUsage, options.threads >= 0 && options.threads <= kMaxThreads,
           "{} threads, expected 1 to {}, or 0 for as many as there are cores", options.threads,
           kMaxThreads);
  if (options.threads == 0) {
    options.threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }
  model->backend().require(options.precision);
  state_->context = model->backend().make_context(options.threads);
  state_->model = std::move(model);
  state_->options = options;
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

std::span<const Session::Output> Session::run(const TensorView& input,
                                              std::span<const std::string> taps) {
  ExecutionContext& context = *state_->context;
  const ExecutionContext::Scope scope(context);
  LoadedPlan& loaded = state_->prepare(input, taps);
  for (const auto& kernel : loaded.planned.kernels) kernel->run(context);
  return loaded.outputs;
}

const Plan& Session::plan(const Shape& input, std::span<const std::string> taps) {
  return state_->find_or_make(input, taps).planned.plan;
}

Session::Profile Session::profile(const TensorView& input) {
  using Clock = std::chrono::steady_clock;
  const auto since = [](Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  ExecutionContext& context = *state_->context;
  const ExecutionContext::Scope scope(context);
  LoadedPlan& loaded = state_->prepare(input, {});
  Profile profile;
  const Clock::time_point start = Clock::now();
  for (const auto& kernel : loaded.planned.kernels) {
    const Clock::time_point step_start = Clock::now();
    kernel->run(context);
    profile.step_ms.push_back(since(step_start));
  }
  profile.total_ms = since(start);
  return profile;
}

}  // namespace nestor
