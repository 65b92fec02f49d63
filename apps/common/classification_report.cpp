#include "apps/common/classification_report.h"

#include <fmt/format.h>

#include <algorithm>

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

std::unique_ptr<ClassificationReport> classification_report(std::string_view format,
                                                            const ModelInfo& info,
                                                            const RunFacts& facts,
                                                            TextOutput& output) {
  CHECK_AS(kUsage, std::ranges::count(kClassificationFormats, format) > 0,
           "{}: no format of results; there are text, json, jsonl and csv", format);
  RowFormats<ClassifiedImage> rows{
      .text = text_block,
      .csv_head = "image,width,height,rank,class_id,class,probability,error\n",
      .csv = csv_rows,
      .json = to_json_row};
  return std::make_unique<RowReport<ClassifiedImage>>(format, std::move(rows),
                                                      json_head(info, facts), output);
}

}  // namespace nestor
