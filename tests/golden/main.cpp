#include <fmt/core.h>

#include <algorithm>
#include <exception>
#include <set>

#include "tests/golden/golden.h"

namespace {

namespace fs = std::filesystem;
using nestor::golden::Area;
using nestor::golden::areas;
using nestor::golden::Report;

// Folders that hold what the others' data refer to, and nothing to compare.
const std::set<std::string> kMaterial = {"images", "labels", "tools"};

void compare(const Area& area, const fs::path& folder, Report& report) {
  try {
    area.compare(folder, report);
  } catch (const std::exception& error) {
    report.fail(area.folder, "reading the reference", error.what());
  }
}

void compare_all(const fs::path& golden, Report& report) {
  std::set<std::string> folders;
  for (const auto& entry : fs::directory_iterator(golden)) {
    if (entry.is_directory()) folders.insert(entry.path().filename().string());
  }
  for (const std::string& folder : folders) {
    if (kMaterial.contains(folder)) continue;
    const auto area = std::ranges::find(areas(), folder, &Area::folder);
    if (area == areas().end()) {
      report.fail(folder, "kind of data", "a folder of an unknown kind");
    } else {
      compare(*area, golden / folder, report);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2 || !fs::is_directory(argv[1])) {
    fmt::print(stderr, "usage: nestor_golden FOLDER\n");
    return 2;
  }
  Report report;
  compare_all(argv[1], report);
  fmt::print("{} passed, {} failed, {} skipped\n", report.passed(), report.failed(),
             report.skipped());
  return report.failed() == 0 && report.passed() > 0 ? 0 : 1;
}
