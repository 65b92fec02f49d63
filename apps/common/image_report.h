#pragma once
// What a command writes of each image, as they come: the interface, and the formats that all tasks
// have.

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "apps/common/report_text.h"
#include "apps/common/text_output.h"

namespace nestor {

template <class Image>
class ImageReport {
 public:
  virtual ~ImageReport() = default;

  virtual void add(const Image& image) = 0;

  // Writes the end that the format demands.
  virtual void finish() = 0;
};

// How a task writes one image.
template <class Image>
struct RowFormats {
  std::function<std::string(const Image&)> text;  // none: there is no such format
  std::string csv_head;
  std::function<std::string(const Image&)> csv;
  std::function<ReportJson(const Image&)> json;
};

// "text", "json", "jsonl" or "csv" on one output.
template <class Image>
class RowReport : public ImageReport<Image> {
 public:
  // `head`: of JSON. `output` must outlive this.
  RowReport(std::string_view format, RowFormats<Image> rows, const std::string& head,
            TextOutput& output)
      : format_(format), rows_(std::move(rows)), output_(output) {
    if (format_ == "csv") output_.write_head(rows_.csv_head);
    if (format_ == "json") output_.write(head);
  }

  void add(const Image& image) override {
    if (format_ == "text") output_.write(rows_.text(image));
    if (format_ == "csv") output_.write(rows_.csv(image));
    if (format_ == "jsonl") output_.write(one_line(rows_.json(image)) + "\n");
    if (format_ == "json") {
      output_.write((first_ ? "\n  " : ",\n  ") + one_line(rows_.json(image)));
      first_ = false;
    }
  }
  void finish() override {
    if (format_ == "json") output_.write(kJsonEnd);
    output_.finish();
  }

 private:
  const std::string format_;
  const RowFormats<Image> rows_;
  TextOutput& output_;
  bool first_ = true;
};

}  // namespace nestor
