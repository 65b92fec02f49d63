#pragma once
// The golden comparisons: every case that a folder of reference data lists, through the library.
//
//   nestor_golden DIR        DIR/classification, DIR/formats, DIR/preprocessing, ...
//   nestor_golden DIR --long likewise, with the cases that take minutes
//   nestor_golden DIR --case resnest50_224x224 --images 1 --device simt --precision fp16
//                            of DIR/classification these cases, with their first images only
//
// Each kind of folder is one row of areas.cpp. A comparison passes, fails or is skipped (a network
// that is not built yet, by name); a folder of an unknown kind is a failure.

#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/plan/plan.h"

namespace nestor::golden {

class Report {
 public:
  // `large`: whether cases of minutes are compared, too.
  explicit Report(bool large) : large_(large) {}
  bool wants_large() const { return large_; }

  void pass(std::string_view case_name, std::string_view what, std::string_view detail = {});
  void fail(std::string_view case_name, std::string_view what, std::string_view detail);
  void skip(std::string_view case_name, std::string_view why);

  // pass or fail
  void check(bool ok, std::string_view case_name, std::string_view what,
             std::string_view detail = {});

  int passed() const { return passed_; }
  int failed() const { return failed_; }
  int skipped() const { return skipped_; }

 private:
  bool large_;
  int passed_ = 0, failed_ = 0, skipped_ = 0;
};

struct Area {
  std::string_view folder;  // below the golden folder
  // Compares every case of the folder. What it throws counts as a failure of the area.
  void (*compare)(const std::filesystem::path& folder, Report& report);
};

std::span<const Area> areas();

// How networks run, and which: without cases all.
struct NetworkOptions {
  std::string device = "auto";
  std::vector<Precision> precisions = {Precision::kFp32, Precision::kBf16};
  std::vector<std::string> cases = {};
  std::int64_t max_images = std::numeric_limits<std::int64_t>::max();
};
void compare_networks(const std::filesystem::path& folder, const NetworkOptions& options,
                      Report& report);

// One function per file tests/golden/<area>.cpp.
void compare_classification(const std::filesystem::path& folder, Report& report);
void compare_formats(const std::filesystem::path& folder, Report& report);
void compare_preprocessing(const std::filesystem::path& folder, Report& report);
void compare_names(const std::filesystem::path& folder,
                   Report& report);  // of classification's models
void compare_detection(const std::filesystem::path& folder, Report& report);
void compare_segmentation(const std::filesystem::path& folder, Report& report);

}  // namespace nestor::golden
