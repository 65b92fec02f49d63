#include "apps/bench/profile.h"

#include <map>
#include <nlohmann/json.hpp>

#include "apps/bench/machine_peaks.h"
#include "apps/bench/statistics.h"
#include "engine/session_internals.h"

namespace nestor::bench {

namespace {

using Json = nlohmann::ordered_json;

double peak_gflops_of(int threads) {
  static std::map<int, double> peaks;  // measuring takes a moment
  const auto found = peaks.find(threads);
  return found != peaks.end() ? found->second : peaks[threads] = peak_gflops(threads);
}

std::optional<double> floor_ms(const Step& step, const PlanKey& key) {
  if (step.gpu) return step.gpu->floor_us * 1e-3;
  if (key.precision != Precision::kFp32 || step.multiply_adds == 0) return std::nullopt;
  return 2e-6 * static_cast<double>(step.multiply_adds) / peak_gflops_of(key.threads);
}

Json complete_event(const StepTime& timed, int process, double begin_ms) {
  Json details = {{"variant", timed.step.variant},
                  {"multiply_adds", timed.step.multiply_adds},
                  {"bytes", timed.step.bytes}};
  if (timed.floor_ms) details["floor_ms"] = *timed.floor_ms;
  return {{"name", timed.step.name}, {"cat", timed.step.op}, {"ph", "X"}, {"ts", 1e3 * begin_ms},
          {"dur", 1e3 * timed.ms},   {"pid", process},       {"tid", 1},  {"args", details}};
}

}  // namespace

std::vector<StepTime> time_steps(Workload& workload, int runs) {
  const Plan plan = workload.plan();
  std::vector<std::vector<double>> times(plan.steps.size());
  for (int run = 0; run < runs; ++run) {
    const Profile profile = SessionInternals::profile(workload.session(), workload.input());
    for (std::size_t i = 0; i < times.size(); ++i) times[i].push_back(profile.step_ms[i]);
  }
  std::vector<StepTime> steps;
  for (std::size_t i = 0; i < times.size(); ++i) {
    const Step& step = plan.steps[i];
    steps.push_back({step, median_of(std::move(times[i])), floor_ms(step, plan.key)});
  }
  return steps;
}

std::string trace_document(std::span<const Row> rows) {
  Json events = Json::array();
  int process = 0;
  for (const Row& row : rows) {
    ++process;
    events.push_back({{"name", "process_name"},
                      {"ph", "M"},
                      {"pid", process},
                      {"args", {{"name", to_string(row.key)}}}});
    double begin_ms = 0;
    for (const StepTime& timed : row.steps) {
      events.push_back(complete_event(timed, process, begin_ms));
      begin_ms += timed.ms;
    }
  }
  const Json document = {{"displayTimeUnit", "ms"}, {"traceEvents", events}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nestor::bench
