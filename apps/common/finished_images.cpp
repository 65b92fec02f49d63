#include "apps/common/finished_images.h"

#include <fstream>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

using Json = nlohmann::json;

constexpr std::string_view kCsvHead = "image,";

// A name that is not UTF-8 has U+FFFD in JSON.
std::string name_in_jsonl(const std::string& name) {
  return Json::parse(Json(name).dump(-1, ' ', false, Json::error_handler_t::replace));
}

std::string name_of_jsonl_row(const std::string& line, const std::string& where) {
  const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  const bool has_name = row.is_object() && row.contains("image") && row["image"].is_string();
  CHECK_AS(kBadInput, has_name, "{}: not a row of results, expected {{\"image\":...}}", where);
  return row["image"];
}

// The first field, without the quotes around it and before each of its own.
std::string name_of_csv_row(const std::string& line) {
  if (!line.starts_with('"')) return line.substr(0, line.find(','));
  std::string name;
  for (std::size_t i = 1; i < line.size(); ++i) {
    if (line[i] == '"' && (++i == line.size() || line[i] != '"')) break;
    name += line[i];
  }
  return name;
}

// False at the end of the file, and for a last line without its end.
bool whole_line(std::istream& in, std::string& line) { return std::getline(in, line) && !in.eof(); }

}  // namespace

FinishedImages::FinishedImages(const std::filesystem::path& file, std::string_view format)
    : csv_(format == "csv") {
  std::error_code error;
  if (!std::filesystem::exists(file, error)) return;
  std::ifstream in(file, std::ios::binary);
  CHECK_AS(kBadInput, std::filesystem::is_regular_file(file, error) && in.good(),
           "{}: cannot be read to go on with it", file.string());
  csv_ ? read_csv(in, file.string()) : read_jsonl(in, file.string());
}

void FinishedImages::read_jsonl(std::istream& in, const std::string& file) {
  std::string line;
  for (std::size_t number = 1; whole_line(in, line); ++number) {
    ++counts_[name_of_jsonl_row(line, fmt::format("{}, line {}", file, number))];
    whole_bytes_ += line.size() + 1;
  }
}

void FinishedImages::read_csv(std::istream& in, const std::string& file) {
  std::string line, name, last;
  if (!whole_line(in, line)) return;
  CHECK_AS(kBadInput, line.starts_with(kCsvHead), "{}: not a table of results, expected {}...",
           file, kCsvHead);
  std::uint64_t position = line.size() + 1;
  whole_bytes_ = position;
  for (bool first = true; whole_line(in, line); position += line.size() + 1, first = false) {
    name = name_of_csv_row(line);
    if (first || name != last) {  // what came before is whole
      if (!first) ++counts_[last];
      whole_bytes_ = position;
    }
    last = std::exchange(name, {});
  }
}

std::vector<std::string> FinishedImages::without(std::vector<std::string> names) const {
  std::map<std::string, std::size_t> left = counts_;
  std::erase_if(names, [&](const std::string& name) {
    const auto found = left.find(csv_ ? printable(name) : name_in_jsonl(name));
    if (found == left.end() || found->second == 0) return false;
    --found->second;
    return true;
  });
  return names;
}

}  // namespace nestor
