#include "apps/evaluation/results_log.h"

#include <filesystem>
#include <optional>

#include "engine/check.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr const char* kGroup = "Results";
constexpr int kDeepest = 8;

std::string line_of(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + "\n";
}

// Nothing for what is no object or nested too deeply.
std::optional<Json> parse_line(const std::string& line) {
  bool flat = true;
  const Json::parser_callback_t watch = [&flat](int depth, Json::parse_event_t, Json&) {
    flat = flat && depth <= kDeepest;
    return flat;
  };
  Json json = Json::parse(line, watch, /*allow_exceptions=*/false);
  if (!flat || !json.is_object()) return std::nullopt;
  return json;
}

}  // namespace

void add_results_log_options(CLI::App& app, ResultsLogOptions& options) {
  CLI::Option* const file =
      app.add_option("--results-file", options.path,
                     "Keep the result of each image in this file as it comes, one JSON object a "
                     "line")
          ->type_name("FILE")
          ->group(kGroup);
  app.add_flag("--resume", options.resume,
               "Go on from the results in --results-file, if there are any")
      ->needs(file)
      ->group(kGroup);
}

ResultsLog::ResultsLog(const ResultsLogOptions& options, const Json& run) : path_(options.path) {
  if (path_.empty()) return;
  std::error_code unknown;
  if (!fs::exists(path_, unknown)) {
    create(run);
    return;
  }
  CHECK_AS(kUsage, options.resume,
           "--results-file {} exists: --resume goes on from it; else remove it", path_);
  read(run);
}

void ResultsLog::create(const Json& run) {
  file_.open(path_, std::ios::binary);
  add(run);
}

void ResultsLog::read(const Json& run) {
  std::ifstream in(path_, std::ios::binary);
  CHECK_AS(kBadInput, in.is_open() && fs::is_regular_file(path_), "{}: cannot be read", path_);
  std::uintmax_t complete_bytes = 0;
  std::size_t number = 0;
  for (std::string line; std::getline(in, line) && !in.eof();) {  // the last has its line break
    ++number;
    std::optional<Json> json = parse_line(line);
    CHECK_AS(kBadInput, json.has_value(), "{}: line {} is no JSON object", path_, number);
    if (number == 1) {
      CHECK_AS(kUsage, *json == run, "--results-file {} has results of another run: {}, this is {}",
               path_, line, run.dump());
    } else {
      earlier_.push_back(*std::move(json));
    }
    complete_bytes += line.size() + 1;
  }
  in.close();
  fs::resize_file(path_, complete_bytes);
  file_.open(path_, std::ios::binary | std::ios::app);
  if (number == 0) add(run);
}

void ResultsLog::add(const Json& result) {
  if (path_.empty()) return;
  file_ << line_of(result) << std::flush;
  CHECK(file_.good(), "{}: cannot be written", path_);
}

}  // namespace nestor
