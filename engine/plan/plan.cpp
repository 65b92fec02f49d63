#include "engine/plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "engine/check.h"

namespace nestor {

std::string_view to_string(Precision precision) {
  switch (precision) {
    case Precision::kFp32: return "fp32";
    case Precision::kTf32: return "tf32";
    case Precision::kFp16: return "fp16";
    case Precision::kBf16: return "bf16";
  }
  return "unknown";
}

Precision parse_precision(std::string_view text) {
  for (const Precision precision :
       {Precision::kFp32, Precision::kTf32, Precision::kFp16, Precision::kBf16}) {
    if (text == to_string(precision)) return precision;
  }
  fail(ErrorCode::kUsage, "unknown precision '{}'; there are fp32, tf32, fp16, bf16", text);
}

std::string to_string(const BufferFormat& format) {
  return fmt::format("{} {}", to_string(format.dtype), to_string(format.layout));
}

namespace {

constexpr double kMega = 1e6;

std::int64_t total(const Plan& plan, std::int64_t Step::*member) {
  std::int64_t sum = 0;
  for (const Step& step : plan.steps) sum += step.*member;
  return sum;
}

}  // namespace

std::string to_string(const Plan& plan) {
  std::string text = fmt::format("plan for batch {} of {} x {}, {} on {}, {} threads\n",
                                 plan.key.batch, plan.key.height, plan.key.width,
                                 to_string(plan.key.precision), plan.key.device, plan.key.threads);
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "{:>4} {:34} {:20} {:28} {:26} {:>9} {:>8}  {}\n", "step", "name", "operator",
                 "parameters", "variant", "MMAC", "MB", "output");
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const Buffer& dst = plan.buffers[static_cast<std::size_t>(step.outputs[0])];
    fmt::format_to(out, "{:4} {:34} {:20} {:28} {:26} {:9.2f} {:8.2f}  #{} {} {}\n", i, step.name,
                   step.op, step.parameters, step.variant,
                   static_cast<double>(step.multiply_adds) / kMega,
                   static_cast<double>(step.bytes) / kMega, step.outputs[0], dst.shape.to_string(),
                   to_string(dst.format));
  }
  fmt::format_to(out, "{} steps, {:.3f} GMAC, {:.1f} MB moved\n", plan.steps.size(),
                 static_cast<double>(total(plan, &Step::multiply_adds)) / 1e9,
                 static_cast<double>(total(plan, &Step::bytes)) / kMega);
  fmt::format_to(
      out, "arena {:.2f} MB, at least {:.2f} MB are live at once ({:.3f}x)\n",
      static_cast<double>(plan.arena_bytes) / kMega,
      static_cast<double>(plan.lower_bound_bytes) / kMega,
      static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.lower_bound_bytes));
  return text;
}

std::string to_json(const Plan& plan) {
  using nlohmann::json;
  json steps = json::array();
  for (const Step& step : plan.steps) {
    steps.push_back({{"name", step.name},
                     {"op", step.op},
                     {"variant", step.variant},
                     {"parameters", step.parameters},
                     {"inputs", step.inputs},
                     {"outputs", step.outputs},
                     {"workspace_bytes", step.workspace_bytes},
                     {"workspace_offset", step.workspace_offset},
                     {"flops", 2 * step.multiply_adds},
                     {"bytes", step.bytes}});
  }
  json buffers = json::array();
  for (const Buffer& buffer : plan.buffers) {
    buffers.push_back({{"name", buffer.name},
                       {"shape", std::vector<std::int64_t>(buffer.shape.dims().begin(),
                                                           buffer.shape.dims().end())},
                       {"dtype", to_string(buffer.format.dtype)},
                       {"layout", to_string(buffer.format.layout)},
                       {"bytes", buffer.bytes},
                       {"offset", buffer.offset},
                       {"first_step", buffer.first_step},
                       {"last_step", buffer.last_step}});
  }
  json outputs = json::array();
  for (const PlanOutput& output : plan.outputs) {
    outputs.push_back({{"name", output.name}, {"buffer", output.buffer}});
  }
  const json document = {{"batch", plan.key.batch},
                         {"height", plan.key.height},
                         {"width", plan.key.width},
                         {"precision", to_string(plan.key.precision)},
                         {"device", plan.key.device},
                         {"threads", plan.key.threads},
                         {"steps", steps},
                         {"buffers", buffers},
                         {"input", plan.input},
                         {"outputs", outputs},
                         {"total_flops", 2 * total(plan, &Step::multiply_adds)},
                         {"total_bytes", total(plan, &Step::bytes)},
                         {"arena_bytes", plan.arena_bytes},
                         {"lower_bound_bytes", plan.lower_bound_bytes}};
  return document.dump(1);
}

}  // namespace nestor
