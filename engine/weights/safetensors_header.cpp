#include "engine/weights/safetensors_header.h"

#include <limits>
#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/printable_text.h"

namespace nestor {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxNameBytes = 64 * 1024;
// {"a":{"dtype":"F4","shape":[],"data_offsets":[0,0]}} without its outer braces
constexpr std::size_t kMinEntryBytes = 50;

// The nodes of a map need much more than the few bytes that a header can spend on an entry.
constexpr std::size_t kMetadataNodeBytes = 200, kMaxMetadataTimes = 3,
                      kMetadataSlackBytes = 1 << 20;

// Follows the parser's events through the only form that a header may have: one object that holds
// objects, those of tensors with two arrays. Anything else is refused at the event that shows it,
// so depth and size never matter; a tree of values could not show repeated keys.
class HeaderReader final : public nlohmann::json_sax<json> {
 public:
  HeaderReader(std::size_t header_bytes, std::span<const std::byte> data, const std::string& file)
      : data_(data),
        file_(file),
        metadata_budget_(kMaxMetadataTimes * header_bytes + kMetadataSlackBytes) {
    // Pages that no entry reaches are never touched, while a vector that grows moves them all.
    header_.entries.reserve(header_bytes / kMinEntryBytes + 1);
  }

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
      finish_entry();
    }
    in_metadata_ = false;
    place_ = place_ == Place::kTop ? Place::kOutside : Place::kTop;
    return true;
  }

  bool key(std::string& text) override {
    if (place_ == Place::kTop) {
      begin_entry(text);
    } else if (place_ == Place::kMetadata) {
      CHECK_AS(kBadModel, !header_.metadata.contains(text), "{}: metadata key {} occurs twice",
               file_, quoted_name(text));
      check_length(text, "a metadata key");
      metadata_key_ = text;
    } else {
      begin_field(text);
    }
    return true;
  }

  bool string(std::string& text) override {
    if (place_ == Place::kMetadata) {
      spend(metadata_key_.size() + text.size() + kMetadataNodeBytes);
      header_.metadata.emplace(std::move(metadata_key_), text);
    } else if (place_ == Place::kTensor && field_ == kDType) {
      type_ = find_safetensors_type(text);
      CHECK_AS(kBadModel, type_ != nullptr, "{}: tensor {:?} has unknown element type {}", file_,
               name(), quoted_name(text));
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
    if (field_ == kShape) {
      CHECK_AS(kBadModel, value <= std::numeric_limits<std::int64_t>::max(),
               "{}: tensor {:?} has a dimension of {}", file_, name(), value);
      CHECK_AS(kBadModel, dims_.size() < Shape::kMaxRank,
               "{}: tensor {:?} has more than {} dimensions", file_, name(), Shape::kMaxRank);
      dims_.push_back(static_cast<std::int64_t>(value));
    } else {
      if (num_offsets_ == 0) begin_ = value;
      if (num_offsets_ == 1) end_ = value;
      ++num_offsets_;
    }
    return true;
  }

  bool null() override { return unexpected("null"); }
  bool boolean(bool) override { return unexpected("a truth value"); }
  bool number_integer(std::int64_t) override { return unexpected("a negative number"); }
  bool number_float(double, const std::string& text) override {
    return unexpected(shortened(text));
  }
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
    check_length(text, "a tensor's name");
    CHECK_AS(kBadModel, !text.empty() && text.find('\0') == std::string::npos,
             "{}: a tensor's name is empty or has a NUL: {}", file_, quoted_name(text));
    header_.entries.push_back({.name = text, .dtype = {}, .shape = {}, .data = {}});
    dims_.clear();
  }

  void check_length(const std::string& text, std::string_view what) const {
    CHECK_AS(kBadModel, text.size() <= kMaxNameBytes, "{}: {} has {} bytes, expected at most {}",
             file_, what, text.size(), kMaxNameBytes);
  }

  void spend(std::size_t bytes) {
    CHECK_AS(kBadModel, bytes <= metadata_budget_,
             "{}: the metadata are too many small ones: they would need more than {} times the "
             "header",
             file_, kMaxMetadataTimes);
    metadata_budget_ -= bytes;
  }

  // Shape and element type must need exactly the bytes that the offsets span.
  void finish_entry() {
    WeightFile::Entry& entry = header_.entries.back();
    entry.dtype = type_->name;
    entry.shape = Shape(std::vector<std::int64_t>(dims_.begin(), dims_.end()));
    CheckedSize need_bits = type_->bits;
    for (const std::int64_t dim : dims_) need_bits *= dim;
    CHECK_AS(kBadModel, begin_ <= end_,
             "{}: tensor {:?} has data_offsets [{}, {}], end before begin", file_, entry.name,
             begin_, end_);
    const std::uint64_t have_bytes = end_ - begin_;
    CHECK_AS(
        kBadModel,
        !need_bits.overflowed() && need_bits.value() % 8 == 0 &&
            need_bits.value() / 8 == have_bytes,
        "{}: tensor {:?} is {} {}, which does not need the {} bytes of its data_offsets [{}, {}]",
        file_, entry.name, entry.dtype, entry.shape.to_string(), have_bytes, begin_, end_);
    CHECK_AS(kBadModel, end_ <= data_.size(),
             "{}: tensor {:?} ends at byte {} of the data, the file has {}", file_, entry.name,
             end_, data_.size());
    entry.data = data_.subspan(begin_, have_bytes);
  }

  void begin_field(const std::string& text) {
    field_ = text == "dtype" ? kDType : text == "shape" ? kShape : kOffsets;
    CHECK_AS(kBadModel, field_ != kOffsets || text == "data_offsets",
             "{}: tensor {:?} has an unknown field {}", file_, name(), quoted_name(text));
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

  std::span<const std::byte> data_;
  const std::string& file_;
  SafetensorsHeader header_;
  std::size_t metadata_budget_;  // bytes
  Place place_ = Place::kOutside;
  bool in_metadata_ = false, has_metadata_ = false;
  std::string metadata_key_;
  Field field_ = kDType;
  unsigned fields_ = 0;  // that the current tensor has had
  const SafetensorsType* type_ = nullptr;
  std::vector<std::int64_t> dims_;
  std::uint64_t begin_ = 0, end_ = 0;
  int num_offsets_ = 0;
};

// The parser keeps a number's text several times over; no number of a header is nearly as long.
bool has_long_number(std::string_view text) {
  constexpr std::size_t kMostCharacters = 100;
  bool in_string = false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      in_string = c != '"';
      continue;
    }
    in_string = c == '"';
    const bool numeric =
        (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
    length = numeric ? length + 1 : 0;
    if (length > kMostCharacters) return true;
  }
  return false;
}

}  // namespace

SafetensorsHeader parse_safetensors_header(std::string_view text, std::span<const std::byte> data,
                                           const std::string& file) {
  CHECK_AS(kBadModel, text.starts_with('{'), "{}: the header does not begin with {{", file);
  // The parser takes NUL for the end of its input and would not look at what follows.
  CHECK_AS(kBadModel, text.find('\0') == std::string_view::npos, "{}: the header has a NUL", file);
  CHECK_AS(kBadModel, !has_long_number(text), "{}: the header has a number of more than 100 digits",
           file);
  HeaderReader reader(text.size(), data, file);
  json::sax_parse(text.begin(), text.end(), &reader);
  return reader.take();
}

std::string format_safetensors_header(
    std::span<const SafetensorsTensor> tensors,
    const std::map<std::string, std::string, std::less<>>& metadata) {
  // Written piece by piece: an object of the library that keeps its order looks through all of it
  // for each key.
  std::string text = "{";
  const auto add = [&text](std::string_view key, const std::string& value) {
    if (text.size() > 1) text += ',';
    text += json(key).dump() + ":" + value;
  };
  if (!metadata.empty()) add("__metadata__", json(metadata).dump());
  std::uint64_t begin = 0;
  for (const SafetensorsTensor& tensor : tensors) {
    const auto bytes =
        static_cast<std::uint64_t>(tensor.shape->num_elements()) * size_bytes(tensor.dtype);
    add(tensor.name, fmt::format(R"({{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})",
                                 safetensors_name(tensor.dtype), json(tensor.shape->dims()).dump(),
                                 begin, begin + bytes));
    begin += bytes;
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  std::string header(8, '\0');
  for (std::size_t i = 0; i < 8; ++i)
    header[i] = static_cast<char>(std::uint64_t{text.size()} >> (8 * i));
  return header + text;
}

}  // namespace nestor
