#include "engine/plan/memory_limits.h"

#include <set>

#include "engine/check.h"

namespace nestor {

namespace {

constexpr std::size_t kBytesOfStep = std::size_t{8} << 10;

std::string input_of(const Plan& plan) {
  return plan.buffers[static_cast<std::size_t>(plan.input)].shape.to_string();
}

void require(const Plan& plan, std::size_t needed, std::string_view parts, std::string_view where,
             std::uint64_t limit) {
  CHECK_AS(kOutOfMemory, limit == 0 || needed <= limit,
           "{}: the plan for {} needs {} bytes of {} memory ({}), the limit is {} bytes",
           plan.key.device, input_of(plan), needed, where, parts, limit);
}

std::size_t output_bytes(const Plan& plan) {
  std::size_t bytes = 0;
  for (const PlanOutput& output : plan.outputs) {
    bytes += plan.buffers[static_cast<std::size_t>(output.buffer)].bytes;
  }
  return bytes;
}

std::size_t element_bytes(Precision precision) {
  const bool half = precision == Precision::kFp16 || precision == Precision::kBf16;
  return size_bytes(half ? DType::kFloat16 : DType::kFloat32);
}

}  // namespace

std::size_t least_weight_bytes(const PlannedSteps& planned) {
  std::set<ValueId> weights;
  for (std::size_t i = 0; i < planned.values.size(); ++i) {
    const std::vector<int>& buffers = planned.plan.steps[i].inputs;
    for (std::size_t k = 0; k < planned.values[i].size(); ++k) {
      if (buffers[k] < 0) weights.insert(planned.values[i][k]);
    }
  }
  std::int64_t elements = 0;
  for (const ValueId id : weights) elements += planned.graph.desc(id).shape.num_elements();
  return static_cast<std::size_t>(elements) * element_bytes(planned.plan.key.precision);
}

std::size_t kept_bytes(const Plan& plan) {
  return output_bytes(plan) + plan.steps.size() * kBytesOfStep;
}

void require_within_limits(const Plan& plan, std::size_t weight_bytes, bool on_device,
                           const SessionOptions& options) {
  const std::size_t needed = plan.arena_bytes + weight_bytes;
  const std::string parts =
      fmt::format("{} for activations, {} for weights", plan.arena_bytes, weight_bytes);
  if (!on_device) return require(plan, needed, parts, "host", options.host_memory_limit);
  require(plan, needed, parts, "device", options.device_memory_limit);
  require(plan, output_bytes(plan), "for its outputs", "host", options.host_memory_limit);
}

void require_beside_plan(std::size_t bytes, std::string_view what, const Plan& plan,
                         std::size_t weight_bytes, bool on_device, const SessionOptions& options) {
  const std::size_t of_plan = on_device ? output_bytes(plan) : plan.arena_bytes + weight_bytes;
  const std::uint64_t limit = options.host_memory_limit;
  CHECK_AS(kOutOfMemory, limit == 0 || bytes + of_plan <= limit,
           "{} of {} bytes is needed, and {} bytes for {}'s plan for {}, the limit is {} bytes",
           what, bytes, of_plan, plan.key.device, input_of(plan), limit);
}

}  // namespace nestor
