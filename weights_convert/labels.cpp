#include "weights_convert/labels.h"

#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "engine/utf8.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

using nlohmann::json;

constexpr std::size_t kMostJsonBytes = 64 << 20;
constexpr int kDeepest = 4;

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> labels;
  while (!text.empty()) {
    const std::size_t newline = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, newline);
    if (line.ends_with('\r')) line.remove_suffix(1);
    labels.emplace_back(line);
    text.remove_prefix(std::min(newline + 1, text.size()));
  }
  return labels;
}

// A label, or a list whose last text it is: ["n01440764", "tench"].
std::string label_of(const json& value) {
  const json& label = value.is_array() && !value.empty() ? value.back() : value;
  CHECK_AS(kBadInput, label.is_string(), "{} where a class's name is expected",
           shortened(value.dump()));
  return label.get<std::string>();
}

std::size_t number_of(const std::string& key) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), number);
  CHECK_AS(kBadInput, error == std::errc() && end == key.data() + key.size(),
           "{} where a class's number is expected", quoted_name(key));
  return number;
}

std::vector<std::string> labels_of(const json& root) {
  if (root.is_object()) {
    for (const char* const key : {"id2label", "class_to_idx", "label2id"}) {
      if (root.contains(key)) return labels_of(root.at(key));
    }
  }
  CHECK_AS(kBadInput, root.is_array() || root.is_object(), "neither a list nor an object");
  std::vector<std::optional<std::string>> found(root.size());
  const auto add = [&](std::size_t idx, std::string label) {
    CHECK_AS(kBadInput, idx < found.size() && !found[idx],
             "class {} of {}: each number from 0 on is expected once", idx, found.size());
    found[idx] = std::move(label);
  };
  if (root.is_array()) {
    for (std::size_t i = 0; i < root.size(); ++i) add(i, label_of(root[i]));
  } else {
    for (const auto& [key, value] : root.items()) {
      if (value.is_number_unsigned()) {
        add(value.get<std::size_t>(), key);
      } else {
        add(number_of(key), label_of(value));
      }
    }
  }
  std::vector<std::string> labels;
  for (std::optional<std::string>& label : found) labels.push_back(*std::move(label));
  return labels;
}

std::vector<std::string> labels_of_json(std::string_view text, const std::string& file) {
  try {
    CHECK_AS(kBadInput, text.size() <= kMostJsonBytes, "{} bytes, expected at most {}", text.size(),
             kMostJsonBytes);
    return labels_of(json::parse(text, [](int depth, json::parse_event_t, json&) {
      CHECK_AS(kBadInput, depth <= kDeepest, "lists or objects within one another");
      return true;
    }));
  } catch (const json::exception& error) {
    fail(ErrorCode::kBadInput, "{}: not labels in JSON: {}", file, shortened(error.what()));
  } catch (const Error& error) {
    fail(ErrorCode::kBadInput, "{}: not labels in JSON: {}", file, error.what());
  }
}

}  // namespace

std::vector<std::string> read_labels(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::open(path);
  std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  CHECK_AS(kBadInput, is_utf8(text), "{}: labels are not in UTF-8", file.name());
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool is_json =
      first != std::string_view::npos && (text[first] == '{' || text[first] == '[');
  return is_json ? labels_of_json(text, file.name()) : lines_of(text);
}

std::vector<std::string> read_labels(const std::filesystem::path& path, int num_classes) {
  std::vector<std::string> labels = read_labels(path);
  CHECK_AS(kBadInput, labels.size() == static_cast<std::size_t>(num_classes),
           "{}: {} labels, expected {}", path.string(), labels.size(), num_classes);
  return labels;
}

}  // namespace nestor
