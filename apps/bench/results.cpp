#include "apps/bench/results.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "engine/check.h"
#include "nestor/version.h"

namespace nestor::bench {

namespace {

constexpr std::string_view kFormat = "nestor-bench";
constexpr int kVersion = 1;

Json to_json(const Statistics& s) {
  return {{"count", s.count}, {"min", s.min},
          {"mean", s.mean},   {"median", s.median},
          {"p90", s.p90},     {"p95", s.p95},
          {"p99", s.p99},     {"p99.9", s.p999},
          {"max", s.max},     {"variation", s.variation}};
}

template <class Value>
Json or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json();
}

RowKey key_of(const Json& row) {
  return {.network = row.at("network"),
          .weights = row.at("weights"),
          .batch = row.at("batch"),
          .height = row.at("height"),
          .width = row.at("width"),
          .precision = row.at("precision"),
          .device = row.at("device"),
          .threads = row.at("threads"),
          .streams = row.at("streams"),
          .transfers = row.at("transfers"),
          .input = row.at("input"),
          .without = row.at("without")};
}

Json steps_json(const std::vector<StepTime>& steps) {
  Json list = Json::array();
  for (const StepTime& timed : steps) {
    list.push_back({{"name", timed.step.name},
                    {"op", timed.step.op},
                    {"variant", timed.step.variant},
                    {"ms", timed.ms},
                    {"floor_ms", or_null(timed.floor_ms)},
                    {"multiply_adds", timed.step.multiply_adds},
                    {"bytes", timed.step.bytes}});
  }
  return list;
}

TimedRow read_row(const Json& row) {
  TimedRow timed{key_of(row), row.at("samples_ms").get<Rounds>()};
  CHECK_AS(kBadInput, !timed.latency_rounds.empty(), "a row has no times");
  for (const auto& round : timed.latency_rounds) {
    const bool sound =
        !round.empty() && std::ranges::all_of(round, [](double ms) { return ms > 0; });
    CHECK_AS(kBadInput, sound, "a round has no times, or one that is not above 0");
  }
  return timed;
}

// The text is one document, or one row a line.
std::vector<Json> rows_of(std::string_view text) {
  const Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (document.is_object() && document.contains("rows")) {
    CHECK_AS(kBadInput, document.value("format", "") == kFormat, "the format is not '{}'", kFormat);
    CHECK_AS(kBadInput, document.value("version", 0) == kVersion, "the version is not {}",
             kVersion);
    return document.at("rows").get<std::vector<Json>>();
  }
  std::vector<Json> rows;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    if (!line.empty()) rows.push_back(Json::parse(line));
  }
  return rows;
}

void add_columns(const Json& row, const std::string& prefix, Json& columns) {
  for (const auto& [name, value] : row.items()) {
    if (value.is_object()) {
      add_columns(value, prefix + name + ".", columns);
    } else if (!value.is_array()) {
      columns[prefix + name] = value;
    }
  }
}

std::string csv_field(const Json& value) {
  if (value.is_null()) return "";
  std::string text = value.is_string() ? value.get<std::string>() : value.dump();
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  for (std::size_t at = 0; (at = text.find('"', at)) != std::string::npos; at += 2) {
    text.insert(at, 1, '"');
  }
  return '"' + text + '"';
}

}  // namespace

Environment environment_of(std::span<const Row> rows) {
  const VersionInfo version = version_info();
  Environment environment{.version = version.version,
                          .commit = version.commit,
                          .compiler = version.compiler,
                          .onednn = version.onednn,
                          .date = utc_now(),
                          .devices = {}};
  for (const Row& row : rows) {
    if (environment.devices.contains(row.key.device)) continue;
    environment.devices.emplace(row.key.device, describe_device(row.key.device));
  }
  return environment;
}

Json to_json(const RowKey& key) {
  return {{"network", key.network}, {"weights", key.weights},     {"batch", key.batch},
          {"height", key.height},   {"width", key.width},         {"precision", key.precision},
          {"device", key.device},   {"threads", key.threads},     {"streams", key.streams},
          {"input", key.input},     {"transfers", key.transfers}, {"without", key.without}};
}

Json to_json(const Row& row, const Environment& environment) {
  const Figures figures = figures_of(row);
  const DeviceDescription& device = environment.devices.at(row.key.device);
  Json json = to_json(row.key);
  json["images_per_second"] = figures.throughput;
  json["ms_per_image"] = figures.ms_per_image;
  json["latency_ms"] = to_json(figures.latency);
  json["upload_ms"] = to_json(figures.upload);
  json["compute_ms"] = to_json(figures.compute);
  json["download_ms"] = to_json(figures.download);
  json["enqueue_ms"] = to_json(figures.enqueue);
  json["first_answer_ms"] = row.first_answer_ms;
  json["floor_ms"] = or_null(row.floor_ms);
  json["floor_share"] = or_null(figures.floor_share);
  json["activation_bytes"] = row.arena_bytes;
  json["weight_bytes"] = row.weight_bytes;
  json["process_peak_bytes"] = row.process_bytes;
  json["load_average"] = row.load;
  json["others_cores"] = row.samples.others_cores;
  json["device_name"] = device.name;
  json["driver"] = device.driver;
  json["nestor"] = environment.version;
  json["commit"] = environment.commit;
  json["compiler"] = environment.compiler;
  json["onednn"] = environment.onednn;
  json["date"] = environment.date;
  json["warnings"] = warnings_of(row, figures);
  json["samples_ms"] = figures.latency_rounds;
  if (!row.steps.empty()) json["steps"] = steps_json(row.steps);
  return json;
}

std::string json_document(const std::vector<Json>& rows) {
  const Json document = {{"format", kFormat}, {"version", kVersion}, {"rows", rows}};
  return document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string json_line(const Json& row) {
  return row.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string csv_table(const std::vector<Json>& rows) {
  std::vector<Json> lines;
  Json names;  // of all rows: one may lack what another has
  for (const Json& row : rows) {
    add_columns(row, "", lines.emplace_back());
    names.update(lines.back());
  }
  const auto line_of = [&](const auto& field) {
    std::string line;
    for (const auto& [name, value] : names.items()) line += csv_field(field(name)) + ",";
    line.back() = '\n';
    return line;
  };
  std::string text = line_of([](const std::string& name) { return Json(name); });
  for (const Json& line : lines) {
    text += line_of(
        [&](const std::string& name) { return line.contains(name) ? line.at(name) : Json(); });
  }
  return text;
}

TimedRow timed_row(const Row& row) { return {row.key, figures_of(row).latency_rounds}; }

std::vector<TimedRow> parse_results(std::string_view text, const std::string& file) {
  try {
    std::vector<TimedRow> rows;
    for (const Json& row : rows_of(text)) rows.push_back(read_row(row));
    CHECK_AS(kBadInput, !rows.empty(), "there are no rows");
    return rows;
  } catch (const std::exception& error) {
    fail(ErrorCode::kBadInput, "{}: no results of nestor-bench as JSON: {}", file, error.what());
  }
}

std::vector<TimedRow> read_results(const std::string& file) {
  std::error_code error;
  const std::uintmax_t bytes = std::filesystem::file_size(file, error);
  CHECK_AS(kBadInput, !error, "{}: {}", file, error.message());
  CHECK_AS(kBadInput, bytes <= kMaxResultsBytes, "{}: {} bytes, expected at most {}", file, bytes,
           kMaxResultsBytes);
  std::ifstream stream(file, std::ios::binary);
  std::string text(bytes, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(bytes));
  CHECK_AS(kBadInput, stream.good(), "{}: cannot be read", file);
  return parse_results(text, file);
}

}  // namespace nestor::bench
