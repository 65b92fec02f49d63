#include "apps/common/classification_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "nestor/version.h"

namespace nestor {

namespace {

using Json = nlohmann::ordered_json;

// Bytes that are not UTF-8 (file names may be anything) become U+FFFD.
std::string dump(const Json& json) {
  return json.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

Json to_json_row(const ClassifiedImage& image) {
  Json row = {{"image", image.image}};
  if (image.error) {
    row["error"] = *image.error;
    return row;
  }
  row["width"] = image.width;
  row["height"] = image.height;
  row["predictions"] = Json::array();
  for (const Prediction& p : image.predictions) {
    row["predictions"].push_back(
        {{"class_id", p.class_id}, {"class", p.label}, {"probability", p.probability}});
  }
  return row;
}

std::string text_block(const ClassifiedImage& image) {
  const std::string name = printable(image.image);
  if (image.error) return fmt::format("{}\n  error: {}\n", name, printable(*image.error));
  std::string text = fmt::format("{}  ({} x {})\n", name, image.width, image.height);
  for (const Prediction& p : image.predictions) {
    fmt::format_to(std::back_inserter(text), "  {:.4f}  {:4}  {}\n", p.probability, p.class_id,
                   printable(p.label));
  }
  return text;
}

// Lines end where rows end, whatever a name or label holds.
std::string csv_field(const std::string& given) {
  const std::string text = printable(given);
  if (text.find_first_of(",\"") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string csv_rows(const ClassifiedImage& image) {
  const std::string name = csv_field(image.image);
  if (image.error) return fmt::format("{},,,,,,,{}\n", name, csv_field(*image.error));
  std::string text;
  for (std::size_t i = 0; i < image.predictions.size(); ++i) {
    const Prediction& p = image.predictions[i];
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{},{},{},\n", name, image.width,
                   image.height, i + 1, p.class_id, csv_field(p.label), p.probability);
  }
  return text;
}

}  // namespace

ReportFormat parse_report_format(std::string_view name) {
  if (name == "text") return ReportFormat::kText;
  if (name == "json") return ReportFormat::kJson;
  if (name == "jsonl") return ReportFormat::kJsonl;
  if (name == "csv") return ReportFormat::kCsv;
  fail(ErrorCode::kUsage, "{}: no format of results; there are text, json, jsonl and csv", name);
}

ClassificationReport::ClassificationReport(ReportFormat format, const ModelInfo& info,
                                           const RunFacts& facts, TextOutput& output)
    : format_(format), output_(output) {
  if (format_ == ReportFormat::kCsv) {
    output_.write_head("image,width,height,rank,class_id,class,probability,error\n");
  } else if (format_ == ReportFormat::kJson) {
    Json head = {{"version", version_info().version},
                 {"model", facts.model},
                 {"network", info.network},
                 {"device", facts.device},
                 {"precision", facts.precision},
                 {"preprocess", Json::parse(to_json(facts.preprocess))}};
    if (info.synthetic) head["synthetic"] = true;
    std::string text = dump(head);
    text.pop_back();  // the closing brace comes last
    output_.write(text + ", \"images\": [");
  }
}

void ClassificationReport::add(const ClassifiedImage& image) {
  switch (format_) {
    case ReportFormat::kText: output_.write(text_block(image)); break;
    case ReportFormat::kCsv: output_.write(csv_rows(image)); break;
    case ReportFormat::kJsonl: output_.write(dump(to_json_row(image)) + "\n"); break;
    case ReportFormat::kJson:
      output_.write((first_ ? "\n  " : ",\n  ") + dump(to_json_row(image)));
      break;
  }
  first_ = false;
}

void ClassificationReport::finish() {
  if (format_ == ReportFormat::kJson) output_.write("\n]}\n");
  output_.finish();
}

}  // namespace nestor
