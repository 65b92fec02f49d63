#include "apps/common/tuning.h"

#include <fmt/format.h>

#include <filesystem>

#include "engine/check.h"
#include "engine/session_internals.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

Json choice_json(const TunedChoice& choice) {
  return {{"variant", choice.variant},
          {"tile", choice.tile},
          {"splits", choice.splits},
          {"us", choice.us}};
}

}  // namespace

void add_tune_options(CLI::App& app, TuneOptions& options, const std::string& group) {
  app.add_option("--tune-candidates", options.candidates,
                 "Candidates to time per step, best estimates first")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000))
      ->group(group);
  app.add_option("--tune-runs", options.runs, "Timed runs per candidate; the median is used")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000))
      ->group(group);
}

Tuned tune_and_keep(const std::shared_ptr<const Model>& model, const DeviceOptions& device,
                    const Shape& input, const TuneOptions& options) {
  CHECK_AS(kUsage, device.tuning != kNoTuning, "--tune needs a file to write");
  const std::string file = device.tuning.empty() ? default_tuning_file().string() : device.tuning;
  CHECK_AS(kUsage, !file.empty(), "--tune needs a file to write: name one with --tuning");
  DeviceOptions untuned = device;
  untuned.tuning = kNoTuning;
  Session session(model, session_options(untuned, *model));
  if (std::filesystem::exists(file)) read_tuning(file);  // refused before minutes pass
  TuningReport report = SessionInternals::tune(session, input, options);
  update_tuning(file, report.key, report.choices());
  return {std::move(report), file};
}

std::string tuning_text(const Tuned& tuned) {
  const TuningReport& report = tuned.report;
  std::string text = fmt::format("\ntuned on {}\n{:>9} {:>9} {:>5}  {:42} problem\n",
                                 to_string(report.key), "model us", "best us", "tried", "best");
  for (const TunedProblem& problem : report.problems) {
    const TunedChoice& best = problem.best;
    const std::string how =
        fmt::format("{}{}", best.tile.empty() ? best.variant : best.tile,
                    best.splits > 1 ? fmt::format(", split {}", best.splits) : "");
    text += fmt::format("{:9.2f} {:9.2f} {:5}  {:42} {}\n", problem.modelled.us, best.us,
                        problem.candidates, how, problem.problem);
  }
  return text + fmt::format("{} problems, kept in {}\n", report.problems.size(), tuned.file);
}

Json tuning_json(const Tuned& tuned) {
  const TuningReport& report = tuned.report;
  Json problems = Json::array();
  for (const TunedProblem& problem : report.problems) {
    problems.push_back({{"problem", problem.problem},
                        {"step", problem.step},
                        {"candidates", problem.candidates},
                        {"modelled", choice_json(problem.modelled)},
                        {"best", choice_json(problem.best)}});
  }
  return {{"file", tuned.file},
          {"gpu", report.key.gpu},
          {"architecture", report.key.architecture},
          {"toolkit", report.key.toolkit},
          {"kernels", report.key.kernels},
          {"precision", to_string(report.key.precision)},
          {"problems", problems}};
}

}  // namespace nestor
