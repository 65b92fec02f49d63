#include "engine/weights/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

using nlohmann::json;

// Follows the parser's events through the only form that a header may have: one object that holds
// objects, those of tensors with two arrays. Anything else is refused at the event that shows it,
// so depth and size never matter; a tree of values could not show repeated keys.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  explicit HeaderReader(const std::string& file) : file_(file) {}

  SafetensorsHeader take() { return std::move(header_); }

  bool start_object(std::size_t) override {
    if (place_ == Place::kOutside) {
      place_ = Place::kTop;
    } else if (place_ == Place::kTop) {
      place_ = in_metadata_ ? Place::kMetadata : Place::kTensor;
      fields_ = 0;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      CHECK_AS(kBadModel, fields_ == kAllFields,
               "{}: tensor {:?} lacks one of dtype, shape and data_offsets", file_, name());
    }
    in_metadata_ = false;
    place_ = place_ == Place::kTop ? Place::kOutside : Place::kTop;
    return true;
  }

  bool key(std::string& text) override {
    if (place_ == Place::kTop) {
      begin_entry(text);
    } else if (place_ == Place::kMetadata) {
      CHECK_AS(kBadModel, !header_.metadata.contains(text), "{}: metadata key {:?} occurs twice",
               file_, text);
      metadata_key_ = text;
    } else {
      begin_field(text);
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      header_.metadata.emplace(std::move(metadata_key_), text);
    } else if (place_ == Place::kTensor && field_ == kDType) {
      header_.entries.back().dtype = text;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::kTensor || field_ == kDType) unexpected("an array");
    place_ = Place::kNumbers;
    num_offsets_ = 0;
    return true;
  }

  bool end_array() override {
    CHECK_AS(kBadModel, field_ != kOffsets || num_offsets_ == 2,
             "{}: tensor {:?} has {} data_offsets, expected 2", file_, name(), num_offsets_);
    place_ = Place::kTensor;
    return true;
  }

  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::kNumbers) unexpected("a number");
    SafetensorsEntry& entry = header_.entries.back();
    if (field_ == kShape) {
      CHECK_AS(kBadModel, value <= std::numeric_limits<std::int64_t>::max(),
               "{}: tensor {:?} has a dimension of {}", file_, name(), value);
      CHECK_AS(kBadModel, entry.shape.size() < Shape::kMaxRank,
               "{}: tensor {:?} has more than {} dimensions", file_, name(), Shape::kMaxRank);
      entry.shape.push_back(static_cast<std::int64_t>(value));
    } else {
      if (num_offsets_ == 0) entry.data_begin = value;
      if (num_offsets_ == 1) entry.data_end = value;
      ++num_offsets_;
    }
    return true;
  }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a truth value"); }
  bool number_integer(std::int64_t) override { return unexpected("a negative number"); }
  bool number_float(double, const std::string& text) override { return unexpected(text); }
  bool binary(json::binary_t&) override { return unexpected("binary data"); }

  bool parse_error(std::size_t position, const std::string&, const json::exception&) override {
    fail(ErrorCode::kBadModel, "{}: the header is not valid JSON in UTF-8, at its byte {}", file_,
         position);
  }

 private:
  enum class Place { kOutside, kTop, kMetadata, kTensor, kNumbers };
  enum Field : unsigned { kDType = 1, kShape = 2, kOffsets = 4, kAllFields = 7 };

  const std::string& name() const { return header_.entries.back().name; }

  void begin_entry(const std::string& text) {
    if (text == "__metadata__") {
      CHECK_AS(kBadModel, !has_metadata_, "{}: __metadata__ occurs twice", file_);
      in_metadata_ = has_metadata_ = true;
      return;
    }
    CHECK_AS(kBadModel, !text.empty() && text.find('\0') == std::string::npos,
             "{}: a tensor's name is empty or has a NUL: {:?}", file_, text);
    CHECK_AS(kBadModel, names_.insert(text).second, "{}: tensor {:?} occurs twice", file_, text);
    header_.entries.push_back({.name = text, .dtype = {}, .shape = {}});
  }

  void begin_field(const std::string& text) {
    field_ = text == "dtype" ? kDType : text == "shape" ? kShape : kOffsets;
    CHECK_AS(kBadModel, field_ != kOffsets || text == "data_offsets",
             "{}: tensor {:?} has an unknown field {:?}", file_, name(), text);
    CHECK_AS(kBadModel, (fields_ & field_) == 0, "{}: tensor {:?} has {} twice", file_, name(),
             text);
    fields_ |= field_;
  }

  [[noreturn]] bool unexpected(std::string_view what) const {
    if (place_ == Place::kMetadata) {
      fail(ErrorCode::kBadModel, "{}: metadata {:?} is {}, expected a string", file_, metadata_key_,
           what);
    }
    CHECK_AS(kBadModel, place_ == Place::kTensor || place_ == Place::kNumbers,
             "{}: the header has {} where an object is expected", file_, what);
    fail(ErrorCode::kBadModel, "{}: tensor {:?} has {} as {}, expected {}", file_, name(), what,
         field_ == kDType   ? "dtype"
         : field_ == kShape ? "shape"
                            : "data_offsets",
         field_ == kDType ? "a string" : "natural numbers of at most 64 bits");
  }

  const std::string& file_;
  SafetensorsHeader header_;
  std::unordered_set<std::string> names_;
  Place place_ = Place::kOutside;
  bool in_metadata_ = false, has_metadata_ = false;
  std::string metadata_key_;
  Field field_ = kDType;
  unsigned fields_ = 0;  // that the current tensor has had
  int num_offsets_ = 0;
};

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, const std::string& file) {
  CHECK_AS(kBadModel, text.starts_with('{'), "{}: the header does not begin with {{", file);
  // The parser takes NUL for the end of its input and would not look at what follows.
  CHECK_AS(kBadModel, text.find('\0') == std::string_view::npos, "{}: the header has a NUL", file);
  HeaderReader reader(file);
  json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

std::string format_safetensors_header(
    std::span<const SafetensorsTensor> tensors,
    const std::map<std::string, std::string, std::less<>>& metadata) {
  nlohmann::ordered_json root = json::object();
  if (!metadata.empty()) root["__metadata__"] = metadata;
  std::uint64_t begin = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const auto bytes =
        static_cast<std::uint64_t>(tensor.shape->num_elements()) * size_bytes(tensor.dtype);
    auto& entry = root[std::string(tensor.name)];
    entry["dtype"] = safetensors_name(tensor.dtype);
    entry["shape"] = tensor.shape->dims();
    entry["data_offsets"] = {begin, begin + bytes};
    begin += bytes;
  }
  std::string text = root.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string header(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    header[i] = static_cast<char>(std::uint64_t{text.size()} >> (8 * i));
  return header + text;
}

}  // namespace nestor
