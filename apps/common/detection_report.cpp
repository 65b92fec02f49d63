#include "apps/common/detection_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "apps/common/coco_results.h"
#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

ReportJson json_row(const DetectedImage& image) {
  ReportJson row = {{"image", image.image}};
  if (image.error) {
    row["error"] = *image.error;
    return row;
  }
  row["width"] = image.width;
  row["height"] = image.height;
  row["detections"] = ReportJson::array();
  for (const DetectedObject& object : image.objects) {
    row["detections"].push_back({{"class_id", object.class_id},
                                 {"class", object.label},
                                 {"score", object.score},
                                 {"box", object.box}});
  }
  return row;
}

std::string text_block(const DetectedImage& image) {
  const std::string name = printable(image.image);
  if (image.error) return fmt::format("{}\n  error: {}\n", name, printable(*image.error));
  std::string text = fmt::format("{}  ({} x {})\n", name, image.width, image.height);
  for (const DetectedObject& object : image.objects) {
    fmt::format_to(std::back_inserter(text),
                   "  {:.4f}  {:4}  {:16}  {:8.1f} {:8.1f} {:8.1f} {:8.1f}\n", object.score,
                   object.class_id, printable(object.label), object.box[0], object.box[1],
                   object.box[2], object.box[3]);
  }
  return text;
}

std::string csv_rows(const DetectedImage& image) {
  const std::string name = csv_field(image.image);
  if (image.error) return fmt::format("{},,,,,,,,,,{}\n", name, csv_field(*image.error));
  std::string text;
  for (const DetectedObject& object : image.objects) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{},{},{},{},{},{},\n", name, image.width,
                   image.height, object.class_id, csv_field(object.label), object.score,
                   object.box[0], object.box[1], object.box[2], object.box[3]);
  }
  return text;
}

class CocoReport : public DetectionReport {
 public:
  CocoReport(const ModelInfo& info, TextOutput& output) : info_(info), output_(output) {
    output_.write("[");
  }

  void add(const DetectedImage& image) override {
    const std::int64_t image_id = coco_image_id(image.image, image.idx);
    for (const DetectedObject& object : image.objects) {
      const ReportJson row = {{"image_id", image_id},
                              {"category_id", coco_category_id(object.class_id, info_.num_classes)},
                              {"bbox", coco_box(object.box, image.width, image.height)},
                              {"score", object.score}};
      output_.write((first_ ? "\n" : ",\n") + one_line(row));
      first_ = false;
    }
  }
  void finish() override {
    output_.write("\n]\n");
    output_.finish();
  }

 private:
  const ModelInfo& info_;
  TextOutput& output_;
  bool first_ = true;
};

}  // namespace

std::unique_ptr<DetectionReport> detection_report(std::string_view format, const ModelInfo& info,
                                                  const RunFacts& facts, TextOutput& output) {
  CHECK_AS(kUsage, std::ranges::count(kDetectionFormats, format) > 0,
           "{}: no format of results; there are text, json, jsonl, csv and coco", format);
  if (format == "coco") return std::make_unique<CocoReport>(info, output);
  RowFormats<DetectedImage> rows{
      .text = text_block,
      .csv_head = "image,width,height,class_id,class,score,x1,y1,x2,y2,error\n",
      .csv = csv_rows,
      .json = json_row};
  return std::make_unique<RowReport<DetectedImage>>(format, std::move(rows), json_head(info, facts),
                                                    output);
}

}  // namespace nestor
