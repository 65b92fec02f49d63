#include "engine/plan/plan.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
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
  return fmt::format("{} {}{}{}", to_string(format.dtype), to_string(format.layout),
                     format.sums_tile > 0 ? " +sums" : "", format.levels ? " levels" : "");
}

namespace {

constexpr double kMega = 1e6;

std::int64_t total(const Plan& plan, std::int64_t Step::*member) {
  std::int64_t sum = 0;
  for (const Step& step : plan.steps) sum += step.*member;
  return sum;
}

}  // namespace

namespace {

// "#3 [1, 64, 56, 56] float32 nchw16c", one behind the other.
std::string outputs_of(const Plan& plan, const Step& step) {
  std::vector<std::string> texts;
  for (const int idx : step.outputs) {
    const Buffer& dst = plan.buffers[static_cast<std::size_t>(idx)];
    texts.push_back(fmt::format("#{} {} {}", idx, dst.shape.to_string(), to_string(dst.format)));
  }
  return fmt::format("{}", fmt::join(texts, ", "));
}

std::string cpu_table(const Plan& plan) {
  std::string text = fmt::format("{:>4} {:34} {:20} {:28} {:26} {:>9} {:>8}  {}\n", "step", "name",
                                 "operator", "parameters", "variant", "MMAC", "MB", "output");
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    fmt::format_to(std::back_inserter(text), "{:4} {:34} {:20} {:28} {:26} {:9.2f} {:8.2f}  {}\n",
                   i, step.name, step.op, step.parameters, step.variant,
                   static_cast<double>(step.multiply_adds) / kMega,
                   static_cast<double>(step.bytes) / kMega, outputs_of(plan, step));
  }
  return text;
}

// Microseconds are for the whole batch; "floor" is the step's own, "estimate" the model's.
std::string gpu_table(const Plan& plan) {
  std::string text = fmt::format(
      "{:>4} {:26} {:26} {:20} {:18} {:>15} {:>5} {:>7} {:>6} {:>9} {:>8} {:>8} {:>8}  {}\n",
      "step", "name", "parameters", "variant", "tile", "grid", "block", "shared", "waves", "MFLOP",
      "MB", "floor us", "estimate", "output");
  for (std::size_t i = 0; i < plan.steps.size(); ++i) {
    const Step& step = plan.steps[i];
    const GpuLaunch launch = step.gpu.value_or(GpuLaunch{});
    const std::string& what = step.parameters.empty() ? step.op : step.parameters;
    fmt::format_to(
        std::back_inserter(text),
        "{:4} {:26} {:26} {:20} {:18} {:>15} {:5} {:7} {:6.2f} {:9.2f} {:8.2f} {:8.2f} "
        "{:8.2f}  {}\n",
        i, step.name, what, step.variant, launch.tuned ? launch.tile + " tuned" : launch.tile,
        fmt::format("{}", fmt::join(launch.grid, "x")), launch.block, launch.shared_bytes,
        launch.waves, 2 * static_cast<double>(step.multiply_adds) / kMega,
        static_cast<double>(step.bytes) / kMega, launch.floor_us, launch.modelled_us,
        outputs_of(plan, step));
  }
  return text;
}

std::string price_of_determinism(const GpuTotals& gpu) {
  if (gpu.batch_dependent_us == 0) return {};
  return fmt::format("; deterministic: {:+.1f} %",
                     100 * (gpu.modelled_us / gpu.batch_dependent_us - 1));
}

std::string gpu_totals(const Plan& plan) {
  const GpuTotals& gpu = *plan.gpu;
  const auto num_tuned = std::ranges::count_if(
      plan.steps, [](const Step& step) { return step.gpu && step.gpu->tuned; });
  const std::string tuned =
      num_tuned > 0 ? fmt::format("  tuned        {} steps, chosen by a tuning file\n", num_tuned)
                    : "";
  const auto images = static_cast<double>(plan.key.batch);
  const auto bytes = static_cast<double>(total(plan, &Step::bytes));
  return fmt::format(
      "on {}, {} multiprocessors; nothing was measured, times in us are a model's estimates\n"
      "  launches     {}\n"
      "  estimate     {:.3f} ms per image{}\n"
      "{}"
      "  floor        {:.3f} ms per image of these steps, {:.3f} ms fully fused\n"
      "  bytes        {:.2f} MB per image, {:.2f} MB fully fused ({:.3f}x)\n",
      gpu.device, gpu.multiprocessors, gpu.launches, gpu.modelled_us / images * 1e-3,
      price_of_determinism(gpu), tuned, gpu.steps_floor_us / images * 1e-3,
      gpu.floor_us / images * 1e-3, bytes / images / kMega,
      static_cast<double>(gpu.floor_bytes) / images / kMega,
      bytes / static_cast<double>(gpu.floor_bytes));
}

}  // namespace

std::string to_string(const Plan& plan) {
  const std::string threads = plan.gpu ? "" : fmt::format(", {} threads", plan.key.threads);
  std::string text =
      fmt::format("plan for batch {} of {} x {}{}, {} on {}{}{}\n", plan.key.batch, plan.key.height,
                  plan.key.width, plan.key.images ? " (images)" : "", to_string(plan.key.precision),
                  plan.key.device, threads, plan.key.deterministic ? ", deterministic" : "");
  text += plan.gpu ? gpu_table(plan) : cpu_table(plan);
  const auto out = std::back_inserter(text);
  fmt::format_to(out, "{} steps, {:.3f} GMAC, {:.1f} MB moved\n", plan.steps.size(),
                 static_cast<double>(total(plan, &Step::multiply_adds)) / 1e9,
                 static_cast<double>(total(plan, &Step::bytes)) / kMega);
  fmt::format_to(
      out, "arena {:.2f} MB, at least {:.2f} MB are live at once ({:.3f}x)\n",
      static_cast<double>(plan.arena_bytes) / kMega,
      static_cast<double>(plan.lower_bound_bytes) / kMega,
      static_cast<double>(plan.arena_bytes) / static_cast<double>(plan.lower_bound_bytes));
  if (plan.gpu) text += gpu_totals(plan);
  return text;
}

namespace {

void add_launch(nlohmann::json& step, const GpuLaunch& launch) {
  step["grid"] = launch.grid;
  step["block"] = launch.block;
  step["shared_bytes"] = launch.shared_bytes;
  step["launches"] = launch.launches;
  step["waves"] = launch.waves;
  step["tile"] = launch.tile;
  step["tuned"] = launch.tuned;
  step["floor_us"] = launch.floor_us;
  step["modelled_us"] = launch.modelled_us;
}

void add_totals(nlohmann::json& document, const GpuTotals& gpu, double images) {
  document["gpu"] = gpu.device;
  document["multiprocessors"] = gpu.multiprocessors;
  document["launches"] = gpu.launches;
  document["floor_bytes"] = gpu.floor_bytes;
  document["floor_ms_per_image"] = gpu.floor_us / images * 1e-3;
  document["steps_floor_ms_per_image"] = gpu.steps_floor_us / images * 1e-3;
  document["modelled_ms_per_image"] = gpu.modelled_us / images * 1e-3;
  if (gpu.batch_dependent_us > 0) {
    document["batch_dependent_modelled_ms_per_image"] = gpu.batch_dependent_us / images * 1e-3;
  }
}

}  // namespace

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
    if (step.gpu) add_launch(steps.back(), *step.gpu);
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
    outputs.push_back({{"name", output.name}, {"buffer", output.buffer}, {"count", output.count}});
  }
  json document = {{"batch", plan.key.batch},
                   {"height", plan.key.height},
                   {"width", plan.key.width},
                   {"precision", to_string(plan.key.precision)},
                   {"device", plan.key.device},
                   {"threads", plan.key.threads},
                   {"deterministic", plan.key.deterministic},
                   {"images", plan.key.images.has_value()},
                   {"steps", steps},
                   {"buffers", buffers},
                   {"input", plan.input},
                   {"outputs", outputs},
                   {"total_flops", 2 * total(plan, &Step::multiply_adds)},
                   {"total_bytes", total(plan, &Step::bytes)},
                   {"arena_bytes", plan.arena_bytes},
                   {"lower_bound_bytes", plan.lower_bound_bytes}};
  if (plan.gpu) add_totals(document, *plan.gpu, static_cast<double>(plan.key.batch));
  return document.dump(1);
}

}  // namespace nestor
