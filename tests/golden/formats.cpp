// Weight files of other programs: what a reader must accept bit for bit, and what it must refuse.
//
//   files/FILE, files/FILE.json       "expect", "tensors", "why"
//   ANY/index.json                    rows with "file", "expect" and the same fields

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <tuple>
#include <vector>

#include "nestor/error.h"
#include "tests/golden/golden.h"
#include "weights_convert/inspect.h"
#include "weights_convert/readers/registry.h"
#include "weights_convert/rename/families.h"
#include "weights_convert/rename/naming.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

using Row = std::tuple<std::string, std::string, std::string, std::string>;

json load(const fs::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

std::vector<Row> expected_rows(const json& facts) {
  std::vector<Row> rows;
  for (const json& tensor : facts.value("tensors", json::array())) {
    const json& name = tensor.at("name");
    rows.emplace_back(name.is_null() ? "" : name.get<std::string>(), tensor.at("dtype"),
                      Shape(tensor.at("shape").get<std::vector<std::int64_t>>()).to_string(),
                      tensor.at("sha256"));
  }
  return rows;
}

std::vector<Row> found_rows(const SourceFile& file) {
  std::vector<Row> rows;
  for (const TensorSummary& tensor : summarise(file)) {
    rows.emplace_back(tensor.name.value_or(""), to_string(tensor.desc.dtype),
                      tensor.desc.shape.to_string(), tensor.sha256);
  }
  return rows;
}

// What is wrong with the rows; empty where they are equal but for their order.
std::string difference(std::vector<Row> found, std::vector<Row> expected) {
  if (found.size() != expected.size()) {
    return fmt::format("{} tensors, expected {}", found.size(), expected.size());
  }
  std::ranges::sort(found);
  std::ranges::sort(expected);
  const auto [first, wanted] = std::ranges::mismatch(found, expected);
  if (first == found.end()) return {};
  return fmt::format("tensor {:?} is {} {}, expected {:?} {} {}", std::get<0>(*first),
                     std::get<1>(*first), std::get<2>(*first), std::get<0>(*wanted),
                     std::get<1>(*wanted), std::get<2>(*wanted));
}

void compare_file(const fs::path& path, const json& facts, Report& report) {
  const std::string name = path.filename().string();
  const auto expect = facts.at("expect").get<std::string>();
  try {
    const OpenedSource source = open_source(path);
    const std::vector<Row> expected = expected_rows(facts);
    // Of a file that may be read, the tensors need not be listed.
    const bool unlisted = expect == "either" && expected.empty();
    const std::string problem =
        unlisted ? std::string() : difference(found_rows(source.content), expected);
    report.check(expect != "refuse" && problem.empty(), name, expect,
                 expect == "refuse" ? "was read" : problem);
  } catch (const Error& error) {
    const bool named = std::string_view(error.what()).find(name) != std::string_view::npos;
    report.check(expect != "accept" && error.code() == ErrorCode::kBadModel && named, name, expect,
                 error.what());
  }
}

// Files whose tensors have other names than canonical ones say both.
void compare_names_within(const std::string& name, const json& facts, Report& report) {
  std::vector<Parameter> parameters;
  std::vector<std::string> names;
  for (const json& tensor : facts.value("tensors", json::array())) {
    if (!tensor.contains("structural")) continue;
    parameters.push_back(
        {tensor["structural"], Shape(tensor["shape"].get<std::vector<std::int64_t>>())});
    names.push_back(tensor["name"]);
  }
  if (names.empty()) return;
  const CanonicalNames found = canonical_names(resnest_names(), parameters, names);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < names.size(); ++i) equal += found.names[i] == parameters[i].name;
  report.check(equal == names.size(), name, "canonical names",
               fmt::format("{} of {}", equal, names.size()));
}

}  // namespace

void compare_formats(const fs::path& folder, Report& report) {
  std::vector<fs::path> facts;
  for (const auto& entry : fs::directory_iterator(folder / "files")) {
    if (entry.path().extension() == ".json") facts.push_back(entry.path());
  }
  std::ranges::sort(facts);
  for (const fs::path& path : facts) {
    const fs::path file = fs::path(path).replace_extension();
    compare_file(file, load(path), report);
    compare_names_within(file.filename().string(), load(path), report);
  }
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path index = entry.path() / "index.json";
    if (!fs::exists(index)) continue;
    for (const json& row : load(index)) {
      compare_file(entry.path() / row.at("file").get<std::string>(), row, report);
    }
  }
}

}  // namespace nestor::golden
