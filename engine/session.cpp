#include "engine/session.h"

#include <algorithm>
#include <list>
#include <numeric>
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
  std::unique_ptr<ExecutionContext::Recording> recording;  // of the kernels as they are bound now
  std::shared_ptr<void> host;                              // of the outputs, if not in the arena
  std::vector<Download> downloads;                         // from the arena to there

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
                      .precision = *options.precision,
                      .device = std::string(backend.name()),
                      .threads = options.threads,
                      .taps = {taps.begin(), taps.end()},
                      .excluded_variants = options.excluded_variants};
    LoadedPlan loaded{.planned = make_plan(graph, backend, key), .outputs = {}};
    if (backend.can_run()) {
      const Constants constants(loaded.planned.graph, model->weights());
      for (std::size_t i = 0; i < loaded.planned.kernels.size(); ++i) {
        loaded.planned.kernels[i]->load(constants, loaded.planned.values[i]);
      }
      make_outputs(loaded);
    }
    for (const Step& step : loaded.planned.plan.steps) {
      loaded.pointers.push_back({std::vector<void*>(step.inputs.size()),
                                 std::vector<void*>(step.outputs.size()), nullptr});
    }
    return loaded;
  }

  // Where the user finds the outputs: in host memory, or, without that, wherever the arena is.
  void make_outputs(LoadedPlan& loaded) const {
    const Plan& plan = loaded.planned.plan;
    std::size_t host_bytes = 0;
    for (const PlanOutput& output : plan.outputs) {
      const Buffer& buffer = plan.buffers[static_cast<std::size_t>(output.buffer)];
      loaded.outputs.push_back({output.name, {{DType::kFloat32, buffer.shape}, nullptr}});
      host_bytes += buffer.bytes;
    }
    loaded.host = model->backend().allocate_host(host_bytes);
    if (loaded.host == nullptr) return;
    auto* next = static_cast<std::byte*>(loaded.host.get());
    for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
      const Buffer& buffer = plan.buffers[static_cast<std::size_t>(plan.outputs[i].buffer)];
      loaded.outputs[i].tensor.data = next;
      loaded.downloads.push_back({next, nullptr, buffer.bytes});
      next += buffer.bytes;
    }
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
    loaded.arena = nullptr;
    loaded.recording.reset();
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
      const std::byte* const src = at(base, plan, plan.outputs[i].buffer);
      if (loaded.host != nullptr) {
        loaded.downloads[i].src = src;
      } else {
        loaded.outputs[i].tensor.data = src;
      }
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
    context->upload(at(loaded.arena, loaded.planned.plan, loaded.planned.plan.input), input.data,
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
  if (!options.precision) options.precision = model->backend().default_precision();
  model->backend().require(*options.precision);
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
  context.run(loaded.planned.kernels, loaded.recording);
  context.download(loaded.downloads);
  return loaded.outputs;
}

const Plan& Session::plan(const Shape& input, std::span<const std::string> taps) {
  return state_->find_or_make(input, taps).planned.plan;
}

Session::Profile Session::profile(const TensorView& input) {
  ExecutionContext& context = *state_->context;
  const ExecutionContext::Scope scope(context);
  LoadedPlan& loaded = state_->prepare(input, {});
  Profile profile{.step_ms = context.time_steps(loaded.planned.kernels)};
  profile.total_ms = std::accumulate(profile.step_ms.begin(), profile.step_ms.end(), 0.0);
  return profile;
}

}  // namespace nestor
