#pragma once
// The results of single images, kept in a file as they come: a run that was stopped goes on from them.

#include <CLI/CLI.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace nestor {

struct ResultsLogOptions {
  std::string path;  // empty: nothing is kept
  bool resume = false;
};

// --results-file and --resume.
void add_results_log_options(CLI::App& app, ResultsLogOptions& options);

// One JSON object a line; the first says which run it is.
class ResultsLog {
 public:
  // Creates the file, or with `resume` reads one that is there, whose last line may have been cut
  // off. Throws kUsage for one that is there without it and for results of another `run`, kBadInput
  // for one that is no such file.
  ResultsLog(const ResultsLogOptions& options, const nlohmann::ordered_json& run);

  // Of earlier runs.
  const std::vector<nlohmann::ordered_json>& earlier() const { return earlier_; }

  // Writes the result at once: only those that are not added yet are lost with the process.
  void add(const nlohmann::ordered_json& result);

 private:
  void create(const nlohmann::ordered_json& run);
  void read(const nlohmann::ordered_json& run);

  std::string path_;
  std::ofstream file_;
  std::vector<nlohmann::ordered_json> earlier_;
};

}  // namespace nestor
