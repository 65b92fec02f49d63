#include <fmt/core.h>

#include <CLI/CLI.hpp>
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
  CLI::App app("Compares with golden data.", "nestor_golden");
  fs::path folder;
  nestor::golden::NetworkOptions options;
  std::vector<std::string> precisions;
  bool large = false;
  app.add_flag("--long", large, "cases that take minutes, too");
  app.add_option("folder", folder)->required()->check(CLI::ExistingDirectory);
  auto* const cases = app.add_option("--case", options.cases, "of classification these alone");
  app.add_option("--images", options.max_images, "of each case's images the first")->needs(cases);
  app.add_option("--device", options.device)->needs(cases);
  app.add_option("--precision", precisions)->needs(cases);
  CLI11_PARSE(app, argc, argv);
  Report report(large);
  if (options.cases.empty()) {
    compare_all(folder, report);
  } else {
    try {
      if (!precisions.empty()) options.precisions.clear();
      for (const std::string& name : precisions) {
        options.precisions.push_back(nestor::parse_precision(name));
      }
      compare_networks(folder / "classification", options, report);
    } catch (const std::exception& error) {
      report.fail("classification", "running the cases", error.what());
    }
  }
  fmt::print("{} passed, {} failed, {} skipped\n", report.passed(), report.failed(),
             report.skipped());
  return report.failed() == 0 && report.passed() > 0 ? 0 : 1;
}
