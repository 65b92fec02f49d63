#include "engine/weights/metadata.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace nestor {

namespace {

using nlohmann::json;

// Takes an array of strings and nothing else, so that depth never matters and a text of many small
// values makes nothing large.
class LabelReader final : public nlohmann::json_sax<json> {
 public:
  explicit LabelReader(std::size_t most) : most_(most) {}

  std::vector<std::string> take() { return std::move(labels_); }

  bool start_array(std::size_t) override { return !std::exchange(inside_, true); }
  bool end_array() override { return true; }
  bool string(std::string& text) override {
    if (!inside_ || labels_.size() == most_) return false;
    labels_.push_back(text);
    return true;
  }

  bool null() override { return false; }
  bool boolean(bool) override { return false; }
  bool number_integer(std::int64_t) override { return false; }
  bool number_unsigned(std::uint64_t) override { return false; }
  bool number_float(double, const std::string&) override { return false; }
  bool binary(json::binary_t&) override { return false; }
  bool start_object(std::size_t) override { return false; }
  bool key(std::string&) override { return false; }
  bool end_object() override { return false; }
  bool parse_error(std::size_t, const std::string&, const json::exception&) override {
    return false;
  }

 private:
  std::size_t most_;
  bool inside_ = false;
  std::vector<std::string> labels_;
};

}  // namespace

std::string_view metadata_value(const Metadata& metadata, std::string_view key) {
  const auto found = metadata.find(key);
  return found == metadata.end() ? std::string_view() : found->second;
}

bool says_synthetic(const Metadata& metadata) {
  return metadata_value(metadata, kMetaSynthetic) == "true";
}

std::optional<std::vector<std::string>> metadata_labels(const Metadata& metadata, int num_classes) {
  const auto wanted = static_cast<std::size_t>(num_classes);
  LabelReader reader(wanted);
  if (!json::sax_parse(metadata_value(metadata, kMetaLabels), &reader)) return std::nullopt;
  std::vector<std::string> labels = reader.take();
  return labels.size() == wanted ? std::optional(std::move(labels)) : std::nullopt;
}

}  // namespace nestor
