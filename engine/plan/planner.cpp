#include "engine/plan/planner.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "engine/check.h"
#include "engine/plan/fuse_for_device.h"
#include "engine/plan/fused_floor.h"
#include "engine/plan/memory_planner.h"

namespace nestor {

namespace {

// As the host reads and writes a value.
BufferFormat host_format(const TensorDesc& desc) { return {desc.dtype, Layout::kPlain}; }

class Planner {
 public:
  // `floor`: of the network, whatever `graph` fuses.
  Planner(const Graph& graph, Backend& backend, const PlanKey& key, const PlanOptions& options,
          const FusedFloor& floor)
      : graph_(graph),
        backend_(backend),
        options_(options),
        peaks_(backend.peaks(key.precision)),
        floor_(floor),
        homes_(graph.values.size()),
        remaining_(use_counts(graph)) {
    result_.plan.key = key;
  }

  PlannedSteps run() {
    CHECK(graph_.inputs.size() == 1, "a network has {} inputs, expected 1", graph_.inputs.size());
    const ValueId input = graph_.inputs[0];
    const std::optional<Normalisation>& images = result_.plan.key.images;
    result_.plan.input = new_buffer(
        input, images
                   ? BufferFormat{.dtype = DType::kUInt8, .layout = Layout::kNhwc, .levels = images}
                   : host_format(graph_.desc(input)));
    for (const Node& node : graph_.nodes) {
      if (!is_constant(graph_, node) && !done_.contains(&node)) add_node(node);
    }
    CHECK_AS(kUnsupported, unsupported_.empty(), "the {} backend has no {} variant of: {}",
             backend_.name(), to_string(result_.plan.key.precision), fmt::join(unsupported_, ", "));
    for (const GraphOutput& output : graph_.outputs) add_output(output.name, output.value);
    for (std::size_t i = 0; i < graph_.outputs.size(); ++i) {
      const ValueId count = graph_.value(graph_.outputs[i].value).count;
      if (count >= 0) result_.plan.outputs[i].count = output_of_count(count);
    }
    place_buffers();
    add_up_gpu();
    return std::move(result_);
  }

 private:
  // The buffers that hold a value: as its step wrote it, and converted copies.
  using Homes = std::vector<int>;

  Buffer& buffer(int idx) { return result_.plan.buffers[static_cast<std::size_t>(idx)]; }
  Homes& homes(ValueId id) { return homes_[static_cast<std::size_t>(id)]; }
  int num_steps() const { return static_cast<int>(result_.plan.steps.size()); }

  int new_buffer(ValueId id, BufferFormat format) {
    const Value& value = graph_.value(id);
    const int idx = static_cast<int>(result_.plan.buffers.size());
    result_.plan.buffers.push_back({.name = value.name,
                                    .shape = value.desc.shape,
                                    .format = format,
                                    .bytes = backend_.buffer_bytes(value.desc.shape, format),
                                    .first_step = num_steps(),
                                    .last_step = num_steps()});
    homes(id).push_back(idx);
    return idx;
  }

  void add_output(const std::string& name, ValueId id) {
    result_.plan.outputs.push_back({name, in_format(id, host_format(graph_.desc(id)))});
  }

  // The output of the plan that is the value; added if there is none.
  int output_of_count(ValueId id) {
    const std::vector<int>& at = homes(id);
    const auto found = std::ranges::find_if(result_.plan.outputs, [&](const PlanOutput& output) {
      return std::ranges::count(at, output.buffer) > 0;
    });
    const auto idx = static_cast<int>(found - result_.plan.outputs.begin());
    if (found == result_.plan.outputs.end()) add_output(graph_.value(id).name, id);
    return idx;
  }

  void push_step(Step step, StepChoice choice, std::vector<ValueId> values) {
    for (const int idx : step.inputs) {
      if (idx >= 0) buffer(idx).last_step = num_steps();
    }
    for (const int idx : step.outputs) buffer(idx).last_step = num_steps();
    if (step.count >= 0) buffer(step.count).last_step = num_steps();
    step.variant = std::move(choice.variant);
    step.workspace_bytes = choice.workspace_bytes;
    if (choice.gpu) {
      step.gpu = std::move(choice.gpu);
      step.bytes += step.gpu->workspace_traffic_bytes;
      if (peaks_) {
        step.gpu->floor_us =
            std::max(2.0 * static_cast<double>(step.multiply_adds) / peaks_->flops_per_us,
                     static_cast<double>(step.bytes) / peaks_->bytes_per_us);
      }
    }
    result_.plan.steps.push_back(std::move(step));
    result_.kernels.push_back(std::move(choice.kernel));
    result_.values.push_back(std::move(values));
  }

  // The buffer that holds the value in that format; a conversion step is added if none does.
  int in_format(ValueId id, BufferFormat format) {
    const Shape& shape = graph_.desc(id).shape;
    for (const int home : homes(id)) {
      if (backend_.same_bytes(shape, buffer(home).format, format)) return home;
    }
    return converted_copy(id, homes(id).front(), format);
  }

  int converted_copy(ValueId id, int from, BufferFormat format) {
    const Value& value = graph_.value(id);
    StepChoice choice = backend_.choose_conversion(value.desc.shape, buffer(from).format, format,
                                                   result_.plan.key.threads);
    // Images on a CPU are normalised before all else.
    if (choice.kernel == nullptr) {
      return converted_copy(id, in_format(id, host_format(value.desc)), format);
    }
    const int copy = new_buffer(id, format);
    const auto moved = static_cast<std::int64_t>(buffer(from).bytes + buffer(copy).bytes);
    Step step{.name = value.name,
              .op = "convert",
              .variant = {},
              .parameters = fmt::format("to {}", to_string(format)),
              .inputs = {from},
              .outputs = {copy},
              .bytes = moved};
    push_step(std::move(step), std::move(choice), {});
    return copy;
  }

  // Whether nobody reads the value after the node that is being added (which reads it once).
  bool dies_here(ValueId id) const { return remaining_[static_cast<std::size_t>(id)] == 1; }

  void add_node(const Node& node) {
    std::vector<BufferFormat> available;
    for (const ValueId id : node.inputs) {
      available.push_back(homes(id).empty() ? host_format(graph_.desc(id))
                                            : buffer(homes(id).front()).format);
    }
    const StepRequest request{.graph = graph_,
                              .node = node,
                              .available = available,
                              .precision = result_.plan.key.precision,
                              .threads = result_.plan.key.threads,
                              .excluded_variants = result_.plan.key.excluded_variants,
                              .deterministic = result_.plan.key.deterministic,
                              .tuning = options_.tuning};
    if (options_.observe) options_.observe(request);
    StepChoice choice = backend_.choose(request);
    if (choice.kernel == nullptr) {
      unsupported_.push_back(fmt::format("{} ({} {}){}", node.name, node.op->name,
                                         node.op->describe(node),
                                         choice.why_not.empty() ? "" : ": " + choice.why_not));
      for (const ValueId id : node.outputs) new_buffer(id, host_format(graph_.desc(id)));
      return;
    }
    Step step{.name = node.name,
              .op = std::string(node.op->name),
              .variant = {},
              .parameters = node.op->describe(node),
              .inputs = {},
              .outputs = {},
              .multiply_adds = multiply_adds(graph_, node)};
    const std::vector<ValueId> outputs =
        choice.also == nullptr ? node.outputs : absorb(*choice.also, step);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      const ValueId id = node.inputs[i];
      if (is_constant(graph_.value(id))) {
        step.inputs.push_back(-1);
        step.bytes += static_cast<std::int64_t>(
            backend_.buffer_bytes(graph_.desc(id).shape, {choice.inputs[i].dtype, Layout::kPlain}));
      } else {
        step.inputs.push_back(in_format(id, choice.inputs[i]));
        step.bytes += static_cast<std::int64_t>(buffer(step.inputs.back()).bytes);
      }
    }
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const bool in_place = i == 0 && choice.inplace_input >= 0;
      const int dst =
          in_place ? overwrite(node, choice, step) : new_buffer(outputs[i], choice.outputs[i]);
      step.outputs.push_back(dst);
      step.bytes += static_cast<std::int64_t>(buffer(dst).bytes);
    }
    step.bytes -= static_cast<std::int64_t>(choice.unread_bytes);
    const ValueId count = count_of_rows(graph_, node);
    if (count >= 0) step.count = in_format(count, host_format(graph_.desc(count)));
    push_step(std::move(step), std::move(choice), node.inputs);
    for (const ValueId id : node.inputs) --remaining_[static_cast<std::size_t>(id)];
  }

  // Makes `node` part of the step. Returns its outputs, which the step writes.
  std::vector<ValueId> absorb(const Node& node, Step& step) {
    step.parameters += fmt::format(", {} {}", node.name, node.op->describe(node));
    step.multiply_adds += multiply_adds(graph_, node);
    done_.insert(&node);
    return node.outputs;
  }

  // The buffer of an input that the step writes its output over: the input's own if nobody
  // needs it any more, else a copy.
  int overwrite(const Node& node, const StepChoice& choice, Step& step) {
    const auto i = static_cast<std::size_t>(choice.inplace_input);
    const ValueId id = node.inputs[i];
    int dst = step.inputs[i];
    // The network's input belongs to the user's next run.
    if (!dies_here(id) || dst == result_.plan.input) {
      dst = converted_copy(id, dst, buffer(dst).format);
      step.inputs[i] = dst;
    }
    std::erase(homes(id), dst);
    buffer(dst).name = graph_.value(node.outputs[0]).name;
    homes(node.outputs[0]).push_back(dst);
    return dst;
  }

  void place_buffers() {
    Plan& plan = result_.plan;
    for (const PlanOutput& output : plan.outputs) {
      buffer(output.buffer).last_step = std::max(0, num_steps() - 1);
    }
    std::vector<MemoryRequest> requests;
    for (const Buffer& b : plan.buffers) requests.push_back({b.bytes, b.first_step, b.last_step});
    for (int i = 0; i < num_steps(); ++i) {
      requests.push_back({plan.steps[static_cast<std::size_t>(i)].workspace_bytes, i, i});
    }
    const MemoryPlan memory = plan_memory(requests);
    for (std::size_t i = 0; i < plan.buffers.size(); ++i)
      plan.buffers[i].offset = memory.offsets[i];
    for (std::size_t i = 0; i < plan.steps.size(); ++i) {
      plan.steps[i].workspace_offset = memory.offsets[plan.buffers.size() + i];
    }
    plan.arena_bytes = memory.arena_bytes;
    plan.lower_bound_bytes = memory.lower_bound_bytes;
  }

  void add_up_gpu() {
    if (!peaks_) return;
    GpuTotals totals{.device = peaks_->device,
                     .multiprocessors = peaks_->multiprocessors,
                     .floor_bytes = floor_.bytes,
                     .floor_us = floor_.us};
    for (const Step& step : result_.plan.steps) {
      if (!step.gpu) continue;
      totals.launches += step.gpu->launches;
      totals.modelled_us += step.gpu->modelled_us;
      totals.steps_floor_us += step.gpu->floor_us;
    }
    result_.plan.gpu = std::move(totals);
  }

  const Graph& graph_;
  Backend& backend_;
  const PlanOptions& options_;
  std::optional<DevicePeaks> peaks_;  // of GPUs
  FusedFloor floor_;
  PlannedSteps result_;
  std::vector<Homes> homes_;
  std::vector<int> remaining_;  // uses of each value that are still to come
  std::set<const Node*> done_;  // in steps of the nodes before them
  std::vector<std::string> unsupported_;
};

}  // namespace

PlannedSteps make_plan(const Graph& graph, Backend& backend, const PlanKey& key,
                       const PlanOptions& options) {
  backend.require(key.precision);
  const std::optional<DevicePeaks> peaks = backend.peaks(key.precision);
  const FusedFloor floor = peaks ? fused_floor(graph, *peaks) : FusedFloor{};
  Graph fused = fuse_for_device(graph, backend, key);
  PlannedSteps planned = Planner(fused, backend, key, options, floor).run();
  planned.graph = std::move(fused);
  if (key.deterministic && planned.plan.gpu) {
    PlanKey other = key;
    other.deterministic = false;
    planned.plan.gpu->batch_dependent_us =
        make_plan(graph, backend, other, {.tuning = options.tuning}).plan.gpu->modelled_us;
  }
  return planned;
}

}  // namespace nestor
