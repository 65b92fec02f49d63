#include "apps/common/classification_report.h"

#include <fmt/format.h>

#include "apps/common/report_text.h"
#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

ReportJson to_json_row(const ClassifiedImage& image) {
  ReportJson row = {{"image", image.image}};
  if (image.error) {
    row["error"] = *image.error;
    return row;
  }
  row["width"] = image.width;
  row["height"] = image.height;
  row["predictions"] = ReportJson::array();
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
    output_.write(json_head(info, facts));
  }
}

void ClassificationReport::add(const ClassifiedImage& image) {
  switch (format_) {
    case ReportFormat::kText: output_.write(text_block(image)); break;
    case ReportFormat::kCsv: output_.write(csv_rows(image)); break;
    case ReportFormat::kJsonl: output_.write(one_line(to_json_row(image)) + "\n"); break;
    case ReportFormat::kJson:
      output_.write((first_ ? "\n  " : ",\n  ") + one_line(to_json_row(image)));
      break;
  }
  first_ = false;
}

void ClassificationReport::finish() {
  if (format_ == ReportFormat::kJson) output_.write(kJsonEnd);
  output_.finish();
}

}  // namespace nestor
