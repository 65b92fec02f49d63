#pragma once
// The results of nestor-segment in its formats.

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "apps/common/image_report.h"
#include "apps/common/run_facts.h"
#include "apps/drawing/palette.h"
#include "nestor/nestor.h"

namespace nestor {

struct SegmentedImage {
  std::string image;  // as the user named it
  ClassMap map;
  Image picture;                     // that was segmented, of formats that show it
  std::optional<std::string> error;  // set instead of the rest if the image failed
};

using SegmentationReport = ImageReport<SegmentedImage>;

struct SegmentationFormat {
  std::string name = "png";
  std::string output;   // a folder; of text a file, or empty: standard output
  std::string palette;  // of "png": empty: grey; of "overlay": empty: one with enough colours
  double alpha = 0.6;   // of "overlay"
  bool legend = false;
};

// The formats' names, the default first.
//
//   png      class maps, DIR/<stem>.png: 8-bit grey, or of a palette, whose levels are the classes
//   overlay  the pictures in the colours of their classes, DIR/<stem>.png
//   json     of each image the classes with their pixels and share
//   raw      class maps, DIR/<stem>.raw: a byte a pixel, height * width of them
//   jsonl    as json, a line an image
//   csv      a row a class of an image
inline constexpr const char* kSegmentationFormats[] = {"png", "overlay", "json",
                                                       "raw", "jsonl",   "csv"};
inline constexpr const char* kResumableSegmentations[] = {"png", "overlay", "raw", "jsonl", "csv"};

// Whether results are text, in one place, and not a file an image.
bool is_text(const SegmentationFormat& format);

// Of formats that write a file an image: its path.
std::string output_of(const SegmentationFormat& format, const std::string& image);

// Of formats that write a file an image. Throws kUsage, before anything runs, if two images would
// have one file, or an image the file of its result, and if there is no folder for them.
void check_image_outputs(const SegmentationFormat& format, const std::vector<std::string>& images);

// The images that have no file yet. Files appear when they are complete.
std::vector<std::string> without_outputs(const SegmentationFormat& format,
                                         std::vector<std::string> images);

// `text`: of formats that are text, which it must outlive; of others it is not used.
std::unique_ptr<SegmentationReport> segmentation_report(const SegmentationFormat& format,
                                                        const ModelInfo& info,
                                                        const RunFacts& facts, TextOutput& text);

}  // namespace nestor
