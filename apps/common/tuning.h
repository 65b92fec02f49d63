#pragma once
// Finding the fastest kernels of a GPU, and keeping them for later sessions.

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/common/session_options.h"
#include "engine/plan/tuning.h"
#include "nestor/nestor.h"

namespace nestor {

struct Tuned {
  TuningReport report;
  std::string file;  // that keeps the choices
};

// --tune-candidates, --tune-runs.
void add_tune_options(CLI::App& app, TuneOptions& options, const std::string& group);

// Measures the candidates for each step of the plan for that input, [n, 3, h, w], on the model's
// GPU and puts the fastest into the tuning file that `device` names, else the default one. Throws
// kUsage if there is none to write, TuningError if the file is something else, and whatever
// SessionInternals::tune() throws.
Tuned tune_and_keep(const std::shared_ptr<const Model>& model, const DeviceOptions& device,
                    const Shape& input, const TuneOptions& options);

std::string tuning_text(const Tuned& tuned);
nlohmann::ordered_json tuning_json(const Tuned& tuned);

}  // namespace nestor
