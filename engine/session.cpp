#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <list>
#include <numeric>

#include "engine/backend.h"
#include "engine/check.h"
#include "engine/cpus_available.h"
#include "engine/finite.h"
#include "engine/graph/passes/pass.h"
#include "engine/image/level_table.h"
#include "engine/log.h"
#include "engine/memory_available.h"
#include "engine/model.h"
#include "engine/plan/memory_limits.h"
#include "engine/plan/memory_planner.h"
#include "engine/plan/plan_cache.h"
#include "engine/plan/planner.h"
#include "engine/run_clock.h"
#include "engine/session_internals.h"

namespace nestor {

namespace {

// A plan, whose kernels have their weights, with copies of them for this session.
struct LoadedPlan {
  std::shared_ptr<const PlannedSteps> planned;  // shared by the model's sessions
  std::vector<std::unique_ptr<StepKernel>> kernels;
  std::vector<Session::Output> outputs;
  std::byte* arena = nullptr;  // that the kernels are bound to
  // Of each step, into that arena. Kept, so that moving to a larger arena allocates nothing either.
  std::vector<StepPointers> pointers;
  std::shared_ptr<void> host;                              // of the outputs, if not in the arena
  std::vector<Download> downloads;                         // from the arena to there
  std::vector<void*> device_outputs;                       // the caller's, of one call
  std::unique_ptr<ExecutionContext::Recording> recording;  // of the kernels as they are bound now

  const Plan& plan() const { return planned->plan; }
  const Shape& input() const { return plan().buffers[input_idx()].shape; }
  std::size_t input_idx() const { return static_cast<std::size_t>(plan().input); }
};

// What a plan is asked for: the network's input, [n, 3, h, w], and whether it comes as images.
struct PlanInput {
  std::array<std::int64_t, 4> extents;  // no Shape: later runs allocate nothing
  bool images;

  Shape shape() const { return {extents[0], extents[1], extents[2], extents[3]}; }
};

PlanInput plan_input(const TensorDesc& input) {
  const Shape& shape = input.shape;
  if (input.dtype == DType::kUInt8) {
    CHECK_AS(kBadInput, shape.rank() == 4 && shape[3] == 3,
             "the input is {}, expected uint8 [batch, height, width, 3]", to_string(input));
    return {.extents = {shape[0], 3, shape[1], shape[2]}, .images = true};
  }
  CHECK_AS(kBadInput, input.dtype == DType::kFloat32,
           "the input is {}, expected float32 or, of images, uint8", to_string(input.dtype));
  CHECK_AS(kBadInput, shape.rank() == 4, "the input is {}, expected [batch, 3, height, width]",
           shape.to_string());
  return {.extents = {shape[0], shape[1], shape[2], shape[3]}, .images = false};
}

std::byte* at(std::byte* arena, const Plan& plan, int buffer) {
  return arena + plan.buffers[static_cast<std::size_t>(buffer)].offset;
}

// A batch that was submitted and not collected.
struct PendingBatch {
  LoadedPlan* plan;
  std::size_t slot;
};

// Points each output at the one that counts its rows.
void point_counts(LoadedPlan& loaded) {
  for (std::size_t i = 0; i < loaded.outputs.size(); ++i) {
    const int count = loaded.plan().outputs[i].count;
    if (count < 0) continue;
    loaded.outputs[i].count =
        loaded.outputs[static_cast<std::size_t>(count)].tensor.as<std::int32_t>();
  }
}

// `base`: of the outputs in host memory.
void point_outputs(LoadedPlan& loaded, const void* base) {
  const auto* const memory = static_cast<const std::byte*>(base);
  for (std::size_t i = 0; i < loaded.outputs.size(); ++i) {
    loaded.outputs[i].tensor.data = memory + loaded.downloads[i].offset;
  }
  point_counts(loaded);
}

}  // namespace

struct Session::State {
  std::shared_ptr<const Model> model;
  SessionOptions options;
  std::unique_ptr<ExecutionContext> context;
  std::shared_ptr<void> arena;
  std::size_t arena_bytes = 0;
  std::list<LoadedPlan> plans;  // the most recently used first
  TunedChoices tuning;
  std::vector<std::string> warnings;
  std::vector<PendingBatch> pending;  // the oldest first
  std::size_t next_slot = 0;

  // What is on its way uses the plans and the arena.
  ~State() {
    try {
      if (context != nullptr) context->wait();
    } catch (const Error& error) {  // the device is gone, and with it what was on its way
      log(LogLevel::kWarning, "a session ends with its device lost: {}", error.what());
    }
  }

  void require_none_pending() const {
    CHECK_AS(kUsage, pending.empty(), "{} submitted batches are pending: collect them first",
             pending.size());
  }

  void load_tuning() {
    if (options.tuning.empty()) return;
    const std::optional<TuningKey> key = model->backend().tuning_key(*options.precision);
    try {
      if (!key) {
        throw TuningError(fmt::format("{} has nothing to tune", model->backend().name()));
      }
      tuning = read_tuning(options.tuning).find(*key);
    } catch (const TuningError& error) {
      ignore_tuning(error);
    }
  }

  void ignore_tuning(const TuningError& error) {
    tuning.clear();
    warnings.push_back(
        fmt::format("the tuning file {} is ignored: {}", options.tuning, error.what()));
    log(LogLevel::kWarning, "{}", warnings.back());
  }

  bool serves(const LoadedPlan& loaded, const PlanInput& input,
              std::span<const std::string> taps) const {
    const PlanKey& key = loaded.plan().key;
    return std::ranges::equal(loaded.input().dims(), input.extents) &&
           key.images.has_value() == input.images && std::ranges::equal(key.taps, taps);
  }

  LoadedPlan& find_or_make(const PlanInput& input, std::span<const std::string> taps) {
    for (auto it = plans.begin(); it != plans.end(); ++it) {
      if (!serves(*it, input, taps)) continue;
      plans.splice(plans.begin(), plans, it);
      return plans.front();
    }
    plans.push_front(make(input, taps));
    forget_plans();
    return plans.front();
  }

  // Those that were used least recently and have no room. Pending batches use the latest ones.
  void forget_plans() {
    std::size_t bytes = 0, count = 0;
    const auto beyond = std::ranges::find_if(plans, [&](const LoadedPlan& loaded) {
      bytes += kept_bytes(loaded.plan());
      return ++count > context->num_slots() && bytes > options.plan_cache_limit;
    });
    if (beyond == plans.end()) return;
    context->wait();
    plans.erase(beyond, plans.end());
  }

  PlanKey key_of(const PlanInput& input, std::span<const std::string> taps) const {
    return {.batch = input.extents[0],
            .channels = input.extents[1],
            .height = input.extents[2],
            .width = input.extents[3],
            .precision = *options.precision,
            .device = std::string(model->backend().name()),
            .threads = options.threads,
            .taps = {taps.begin(), taps.end()},
            .excluded_variants = options.excluded_variants,
            .deterministic = options.deterministic,
            .images = input.images ? std::optional(options.normalisation) : std::nullopt};
  }

  PlannedSteps plan_steps(const Graph& graph, const PlanKey& key) {
    try {
      return make_plan(graph, model->backend(), key, {.tuning = &tuning});
    } catch (const TuningError& error) {
      ignore_tuning(error);
    }
    return make_plan(graph, model->backend(), key);
  }

  // Before weights are loaded by the least that they take, afterwards by what they have taken.
  void admit(const Plan& plan, std::size_t weight_bytes) const {
    require_within_limits(plan, weight_bytes, model->backend().has_own_memory(), options);
  }

  // With weights, unless the device is only described.
  PlannedSteps make_steps(const PlanInput& input, const PlanKey& key) {
    const Graph graph = apply_passes(with_taps(model->graph(input.shape()), key.taps));
    PlannedSteps planned = plan_steps(graph, key);
    const Plan& plan = planned.plan;
    admit(plan, least_weight_bytes(planned));
    if (model->backend().can_run()) {
      const Constants constants(planned.graph, model->weights());
      for (std::size_t i = 0; i < planned.kernels.size(); ++i) {
        planned.kernels[i]->load(constants, planned.values[i]);
      }
    }
    log(LogLevel::kInfo, "{}: plan for {} in {}: {} steps, {:.1f} MB for activations", key.device,
        input.shape().to_string(), to_string(key.precision), plan.steps.size(),
        static_cast<double>(plan.arena_bytes) / 1e6);
    return planned;
  }

  LoadedPlan make(const PlanInput& input, std::span<const std::string> taps) {
    const PlanKey key = key_of(input, taps);
    LoadedPlan loaded{.planned = model->plans().find_or_make(
                          key, tuning, [&] { return make_steps(input, key); })};
    const bool runs = model->backend().can_run();
    admit(loaded.plan(),
          runs ? model->backend().loaded_weight_bytes() : least_weight_bytes(*loaded.planned));
    if (runs) make_outputs(loaded);
    for (const auto& kernel : loaded.planned->kernels) loaded.kernels.push_back(kernel->copy());
    for (const Step& step : loaded.plan().steps) {
      loaded.pointers.push_back(
          {std::vector<void*>(step.inputs.size()), std::vector<void*>(step.outputs.size())});
    }
    return loaded;
  }

  // Where the user finds the outputs: in host memory, or, without that, wherever the arena is.
  void make_outputs(LoadedPlan& loaded) const {
    const Plan& plan = loaded.plan();
    std::size_t host_bytes = 0;
    for (const PlanOutput& output : plan.outputs) {
      const Buffer& buffer = plan.buffers[static_cast<std::size_t>(output.buffer)];
      loaded.outputs.push_back({output.name, {{buffer.format.dtype, buffer.shape}, nullptr}});
      loaded.downloads.push_back({nullptr, nullptr, buffer.bytes, host_bytes});
      host_bytes += arena_aligned(buffer.bytes);
    }
    loaded.host = model->backend().allocate_host(host_bytes);
    if (loaded.host == nullptr) {
      loaded.downloads.clear();
      return;
    }
    for (Download& download : loaded.downloads) {
      download.dst = static_cast<std::byte*>(loaded.host.get()) + download.offset;
    }
    loaded.device_outputs.resize(plan.outputs.size());
  }

  // Points the plan's kernels at the arena, which is made larger if the plan needs it.
  void bind(LoadedPlan& loaded) {
    const Plan& plan = loaded.plan();
    if (plan.arena_bytes <= arena_bytes && loaded.arena == arena.get()) return;
    context->wait();  // nothing may use the old arena or the recording
    if (plan.arena_bytes > arena_bytes) {
      arena.reset();
      arena_bytes = 0;
      arena = model->backend().allocate(plan.arena_bytes);
      arena_bytes = plan.arena_bytes;
    }
    auto* const base = static_cast<std::byte*>(arena.get());
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
      pointers.count = step.count < 0 ? nullptr : at(base, plan, step.count);
      loaded.kernels[i]->bind(pointers);
    }
    for (std::size_t i = 0; i < plan.outputs.size(); ++i) {
      const std::byte* const src = at(base, plan, plan.outputs[i].buffer);
      if (loaded.host != nullptr) {
        loaded.downloads[i].src = src;
      } else {
        loaded.outputs[i].tensor.data = src;
      }
    }
    if (loaded.host == nullptr) point_counts(loaded);
    loaded.arena = base;
  }

  // The plan for the input, ready to run.
  LoadedPlan& prepare(const TensorView& input, std::span<const std::string> taps) {
    const PlanInput wanted = plan_input(input.desc);
    CHECK_AS(kBadInput, input.data != nullptr, "the input {} has no data", to_string(input.desc));
    LoadedPlan& loaded = find_or_make(wanted, taps);
    bind(loaded);
    return loaded;
  }

  // The same for input in host memory.
  LoadedPlan& prepare_host(const TensorView& input, std::span<const std::string> taps) {
    LoadedPlan& loaded = prepare(input, taps);
    if (input.desc.dtype == DType::kUInt8) return loaded;
    const auto num_elements = static_cast<std::size_t>(input.desc.shape.num_elements());
    const std::optional<std::size_t> bad = first_not_finite({input.as<float>(), num_elements});
    CHECK_AS(kBadInput, !bad, "the input is {} at its element {}, expected finite numbers",
             input.as<float>()[*bad], *bad);
    return loaded;
  }

  LoadedPlan& upload(const TensorView& input, std::span<const std::string> taps) {
    LoadedPlan& loaded = prepare_host(input, taps);
    context->upload(at(loaded.arena, loaded.plan(), loaded.plan().input), input.data,
                    input.bytes());
    return loaded;
  }

  static ExecutionContext::BoundSteps bound(LoadedPlan& loaded) {
    const Plan& plan = loaded.plan();
    return {.steps = loaded.kernels,
            .recording = loaded.recording,
            .input = at(loaded.arena, plan, plan.input),
            .input_bytes = plan.buffers[loaded.input_idx()].bytes,
            .outputs = loaded.downloads};
  }
};

Session::Session(std::shared_ptr<const Model> model, SessionOptions options)
    : state_(std::make_unique<State>()) {
  CHECK_AS(kUsage, options.threads >= 0 && options.threads <= kMaxThreads,
           "{} threads, expected 1 to {}, or 0 for as many as there are cores", options.threads,
           kMaxThreads);
  if (options.threads == 0) {
    options.threads = std::min(cpus_available(cpus_allowed()), kMaxThreads);
  }
  CHECK_AS(kUsage, LevelTable(options.normalisation).is_finite(),
           "images are normalised by means {} and standard deviations {}: not to finite numbers",
           options.normalisation.mean, options.normalisation.std);
  if (!options.precision) options.precision = model->backend().default_precision();
  model->backend().require(*options.precision);
  state_->context = model->backend().make_context(options.threads);
  state_->model = std::move(model);
  state_->options = std::move(options);
  state_->load_tuning();
  state_->pending.reserve(state_->context->num_slots());
}

Session::~Session() = default;
Session::Session(Session&&) noexcept = default;

std::string_view Session::device() const { return state_->model->backend().name(); }
Precision Session::precision() const { return *state_->options.precision; }
int Session::threads() const { return state_->options.threads; }

std::vector<TensorInfo> Session::inputs() const {
  return {{"input", {DType::kFloat32, {-1, 3, -1, -1}}},
          {"images", {DType::kUInt8, {-1, -1, -1, 3}}}};
}

std::vector<TensorInfo> Session::outputs(const TensorDesc& input,
                                         std::span<const std::string> taps) const {
  const Graph graph = with_taps(state_->model->graph(plan_input(input).shape()), taps);
  std::vector<TensorInfo> infos;
  for (const GraphOutput& output : graph.outputs) {
    infos.push_back({output.name, graph.desc(output.value)});
  }
  return infos;
}

std::vector<std::string> Session::tap_names() const { return state_->model->tap_names(); }

std::span<const Session::Output> Session::run(const TensorView& input,
                                              std::span<const std::string> taps) {
  ExecutionContext& context = *state_->context;
  state_->require_none_pending();
  const ExecutionContext::Scope scope(context);
  LoadedPlan& loaded = state_->upload(input, taps);
  context.run(loaded.kernels, loaded.recording);
  context.download(loaded.downloads);
  if (loaded.host != nullptr) point_outputs(loaded, loaded.host.get());
  return loaded.outputs;
}

std::size_t Session::num_slots() const { return state_->context->num_slots(); }
std::size_t Session::num_pending() const { return state_->pending.size(); }

void Session::submit(const TensorView& input, std::span<const std::string> taps) {
  State& state = *state_;
  CHECK_AS(kUsage, num_pending() < num_slots(),
           "{} submitted batches are pending, no more is possible: collect one first",
           num_pending());
  const ExecutionContext::Scope scope(*state.context);
  LoadedPlan& loaded = state.prepare_host(input, taps);
  state.context->submit(state.next_slot, State::bound(loaded), input.data);
  state.pending.push_back({&loaded, state.next_slot});
  state.next_slot = (state.next_slot + 1) % num_slots();
}

std::span<const Session::Output> Session::collect() {
  State& state = *state_;
  CHECK_AS(kUsage, !state.pending.empty(), "no submitted batch is pending");
  const PendingBatch batch = state.pending.front();
  state.pending.erase(state.pending.begin());
  const ExecutionContext::Scope scope(*state.context);
  const void* const outputs = state.context->collect(batch.slot);
  if (outputs != nullptr) point_outputs(*batch.plan, outputs);
  return batch.plan->outputs;
}

void Session::enqueue(const TensorView& input, std::span<const DeviceBuffer> outputs, void* stream,
                      std::span<const std::string> taps) {
  State& state = *state_;
  state.require_none_pending();
  CHECK_AS(kUsage, stream != nullptr, "no stream, or the default stream: expected one of its own");
  const ExecutionContext::Scope scope(*state.context);
  LoadedPlan& loaded = state.prepare(input, taps);
  const std::size_t wanted = loaded.outputs.size();
  CHECK_AS(kUsage, outputs.size() == wanted, "memory for {} outputs, expected it for {}",
           outputs.size(), wanted);
  loaded.device_outputs.resize(wanted);
  for (std::size_t i = 0; i < wanted; ++i) {
    const std::size_t bytes = loaded.outputs[i].tensor.bytes();
    CHECK_AS(kUsage, outputs[i].data != nullptr && outputs[i].bytes >= bytes,
             "memory of {} bytes for the output {}, expected {}",
             outputs[i].data == nullptr ? 0 : outputs[i].bytes, loaded.outputs[i].name, bytes);
    loaded.device_outputs[i] = outputs[i].data;
  }
  state.context->enqueue(State::bound(loaded), input.data, loaded.device_outputs, stream);
}

const Plan& SessionInternals::plan(Session& session, const TensorDesc& input, Taps taps) {
  session.state_->require_none_pending();
  const ExecutionContext::Scope scope(*session.state_->context);  // weights are packed, too
  return session.state_->find_or_make(plan_input(input), taps).plan();
}

const Plan& SessionInternals::plan(Session& session, const Shape& input, Taps taps) {
  return plan(session, TensorDesc{DType::kFloat32, input}, taps);
}

void SessionInternals::require_memory(Session& session, const Shape& input, Taps taps,
                                      std::size_t bytes, std::string_view what) {
  const Plan& planned = plan(session, input, taps);
  const Backend& backend = session.state_->model->backend();
  require_beside_plan(bytes, what, planned, backend.loaded_weight_bytes(), backend.has_own_memory(),
                      session.state_->options);
  nestor::require_memory(bytes, what);
}

std::string Session::plan_text(const TensorDesc& input, std::span<const std::string> taps) {
  return to_string(SessionInternals::plan(*this, input, taps));
}

std::string Session::plan_json(const TensorDesc& input, std::span<const std::string> taps) {
  return to_json(SessionInternals::plan(*this, input, taps));
}

std::span<const std::string> Session::warnings() const { return state_->warnings; }

TuningReport SessionInternals::tune(Session& session, const Shape& input,
                                    const TuneOptions& options) {
  Session::State& state = *session.state_;
  // As images: of their first layer, too, the fastest is found.
  const PlanInput images{plan_input({DType::kFloat32, input}).extents, true};
  state.require_none_pending();
  Backend& backend = state.model->backend();
  const std::optional<TuningKey> key = backend.tuning_key(*state.options.precision);
  CHECK_AS(kUnsupported, key, "{} has nothing to tune", backend.name());
  CHECK_AS(kUnsupported, backend.can_run(), "{} is a device for plans only: nothing runs on it",
           backend.name());
  CHECK_AS(kUsage, options.candidates >= 1 && options.runs >= 1,
           "tuning by {} runs of {} candidates, expected at least 1", options.runs,
           options.candidates);
  const Graph graph = apply_passes(state.model->graph(input));
  TuningReport report{.key = *key, .problems = {}};
  // The planner's graph may be another than the one that it is given.
  const auto tune_step = [&](const StepRequest& request) {
    const Constants constants(request.graph, state.model->weights());
    backend.tune(request, constants, options, report);
  };
  PlanKey plan_key = state.key_of(images, {});
  plan_key.deterministic = false;
  make_plan(graph, backend, plan_key, {.observe = tune_step});
  return report;
}

RunTimes SessionInternals::time_run(Session& session, const TensorView& input, int count) {
  Session::State& state = *session.state_;
  state.require_none_pending();
  CHECK_AS(kUsage, count >= 1, "a run of {} times, expected at least 1", count);
  const ExecutionContext::Scope scope(*state.context);
  LoadedPlan& loaded = state.prepare_host(input, {});
  const RunTimes times =
      nestor::time_run(*state.context, Session::State::bound(loaded), input.data, count);
  if (loaded.host != nullptr) point_outputs(loaded, loaded.host.get());
  return times;
}

Profile SessionInternals::profile(Session& session, const TensorView& input) {
  Session::State& state = *session.state_;
  ExecutionContext& context = *state.context;
  state.require_none_pending();
  const ExecutionContext::Scope scope(context);
  LoadedPlan& loaded = state.upload(input, {});
  Profile profile{.step_ms = context.time_steps(loaded.kernels)};
  profile.total_ms = std::accumulate(profile.step_ms.begin(), profile.step_ms.end(), 0.0);
  return profile;
}

}  // namespace nestor
