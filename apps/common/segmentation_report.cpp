#include "apps/common/segmentation_report.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <utility>

#include "apps/common/inputs.h"
#include "apps/drawing/class_overlay.h"
#include "apps/drawing/png.h"
#include "engine/atomic_file.h"
#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr int kAdeClasses = 150;

IndexImage index_image(const ClassMap& map) { return {map.width, map.height, map.classes}; }

class FileReport : public SegmentationReport {
 public:
  explicit FileReport(const SegmentationFormat& format) : format_(format) {}

  void add(const SegmentedImage& image) override {
    if (!image.error) write(image, output_of(format_, image.image));
  }
  void finish() override {}

 protected:
  virtual void write(const SegmentedImage& image, const std::string& path) const = 0;

  const SegmentationFormat format_;
};

class PngReport : public FileReport {
 public:
  PngReport(const SegmentationFormat& format, const ModelInfo& info) : FileReport(format) {
    if (!format.palette.empty()) palette_ = load_palette(format.palette, info.num_classes);
  }

 private:
  void write(const SegmentedImage& image, const std::string& path) const override {
    const ClassMap& map = image.map;
    if (palette_.empty()) {
      write_grey_png(path, map.classes, map.width, map.height);
    } else {
      write_palette_png(path, map.classes, map.width, map.height, palette_);
    }
  }

  Palette palette_;
};

class OverlayReport : public FileReport {
 public:
  OverlayReport(const SegmentationFormat& format, const ModelInfo& info)
      : FileReport(format),
        labels_(info.labels),
        palette_(load_palette(palette_for(format, info), info.num_classes)) {}

 private:
  static std::string palette_for(const SegmentationFormat& format, const ModelInfo& info) {
    if (!format.palette.empty()) return format.palette;
    return info.num_classes == kAdeClasses ? "ade20k" : "voc";
  }

  void write(const SegmentedImage& image, const std::string& path) const override {
    const IndexImage map = index_image(image.map);
    Image picture = image.picture;
    draw_classes(picture, map, palette_, format_.alpha);
    write_png(path, format_.legend ? with_legend(picture, map, palette_, labels_) : picture);
  }

  std::vector<std::string> labels_;
  Palette palette_;
};

class RawReport : public FileReport {
 public:
  using FileReport::FileReport;

 private:
  void write(const SegmentedImage& image, const std::string& path) const override {
    AtomicFile file(path);
    file.write({reinterpret_cast<const char*>(image.map.classes.data()), image.map.classes.size()});
    file.commit();
  }
};

using Labels = std::vector<std::string>;

std::string label_of(const Labels& labels, int class_id) {
  const auto idx = static_cast<std::size_t>(class_id);
  return idx < labels.size() ? labels[idx] : std::string();
}

ReportJson json_row(const SegmentedImage& image, const Labels& labels) {
  ReportJson row = {{"image", image.image}};
  if (image.error) {
    row["error"] = *image.error;
    return row;
  }
  row["width"] = image.map.width;
  row["height"] = image.map.height;
  row["classes"] = ReportJson::array();
  for (const ClassShare& share : class_shares(index_image(image.map))) {
    row["classes"].push_back({{"class_id", share.class_id},
                              {"class", label_of(labels, share.class_id)},
                              {"pixels", share.pixels},
                              {"share", share.share}});
  }
  return row;
}

std::string csv_rows(const SegmentedImage& image, const Labels& labels) {
  const std::string name = csv_field(image.image);
  if (image.error) return fmt::format("{},,,,,,,{}\n", name, csv_field(*image.error));
  std::string text;
  for (const ClassShare& share : class_shares(index_image(image.map))) {
    fmt::format_to(std::back_inserter(text), "{},{},{},{},{},{},{},\n", name, image.map.width,
                   image.map.height, share.class_id, csv_field(label_of(labels, share.class_id)),
                   share.pixels, share.share);
  }
  return text;
}

}  // namespace

bool is_text(const SegmentationFormat& format) {
  return format.name == "json" || format.name == "jsonl" || format.name == "csv";
}

std::string output_of(const SegmentationFormat& format, const std::string& image) {
  const std::string stem =
      image == kStandardInput ? "standard_input" : fs::path(image).stem().string();
  return (fs::path(format.output) / (stem + (format.name == "raw" ? ".raw" : ".png"))).string();
}

void check_image_outputs(const SegmentationFormat& format, const std::vector<std::string>& images) {
  CHECK_AS(kUsage, !format.output.empty(), "no folder for the {} files: --output DIR", format.name);
  std::error_code error;
  fs::create_directories(format.output, error);
  CHECK_AS(kUsage, fs::is_directory(format.output, error), "--output {} is not a folder",
           printable(format.output));
  std::map<fs::path, std::string> images_of;  // by the files of their results
  for (const std::string& image : images) {
    const std::string path = output_of(format, image);
    const auto [other, is_new] = images_of.emplace(fs::weakly_canonical(path, error), image);
    CHECK_AS(kUsage, is_new, "{} and {} would both be written to {}", printable(other->second),
             printable(image), printable(path));
  }
  for (const std::string& image : images) {
    CHECK_AS(kUsage, !images_of.contains(fs::weakly_canonical(image, error)),
             "--output {}: a result would be written over the image {}", printable(format.output),
             printable(image));
  }
}

std::vector<std::string> without_outputs(const SegmentationFormat& format,
                                         std::vector<std::string> images) {
  std::error_code error;
  std::erase_if(images, [&](const std::string& image) {
    return fs::exists(output_of(format, image), error);
  });
  return images;
}

std::unique_ptr<SegmentationReport> segmentation_report(const SegmentationFormat& format,
                                                        const ModelInfo& info,
                                                        const RunFacts& facts, TextOutput& text) {
  if (format.name == "png") return std::make_unique<PngReport>(format, info);
  if (format.name == "overlay") return std::make_unique<OverlayReport>(format, info);
  if (format.name == "raw") return std::make_unique<RawReport>(format);
  CHECK_AS(kUsage, is_text(format), "there is no format {}", format.name);
  RowFormats<SegmentedImage> rows{
      .text = {},
      .csv_head = "image,width,height,class_id,class,pixels,share,error\n",
      .csv = [labels = info.labels](const SegmentedImage& i) { return csv_rows(i, labels); },
      .json = [labels = info.labels](const SegmentedImage& i) { return json_row(i, labels); }};
  return std::make_unique<RowReport<SegmentedImage>>(format.name, std::move(rows),
                                                     json_head(info, facts), text);
}

}  // namespace nestor
