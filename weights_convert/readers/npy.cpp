// "\x93NUMPY" | u8 major, u8 minor | u16 (version 1) or u32 header length | Python literal | data
//
// The header is a dict literal with exactly three keys. It is read by a parser for just that; the
// arrays that would need more (structured, objects) are not wanted here.

#include "weights_convert/readers/npy.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "engine/check.h"
#include "engine/checked.h"
#include "weights_convert/readers/byte_cursor.h"
#include "weights_convert/readers/tensor_size.h"

namespace nestor {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::uint64_t kMaxHeaderBytes = 10'000;  // NumPy's own default limit

struct TypeCode {
  std::string_view code;
  DType dtype;
};

constexpr TypeCode kTypeCodes[] = {
    {"<f2", DType::kFloat16}, {"<f4", DType::kFloat32}, {"<f8", DType::kFloat64},
    {"|i1", DType::kInt8},    {"<i2", DType::kInt16},   {"<i4", DType::kInt32},
    {"<i8", DType::kInt64},   {"|u1", DType::kUInt8},   {"<u2", DType::kUInt16},
    {"<u4", DType::kUInt32},  {"<u8", DType::kUInt64},  {"|b1", DType::kBool},
};

// {'descr': '<f4', 'fortran_order': False, 'shape': (5, 7), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  void parse() {
    expect('{');
    while (!accept('}')) {
      parse_item();
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    skip_spaces();
    CHECK_AS(kBadModel, text_.empty(), "{}: the header goes on after its dict: {:?}", file_,
             start_of_rest());
    CHECK_AS(kBadModel, type_code_ && fortran_order_ && shape_,
             "{}: the header lacks one of descr, fortran_order and shape", file_);
  }

  DType dtype() const {
    const auto found = std::ranges::find(kTypeCodes, *type_code_, &TypeCode::code);
    CHECK_AS(kBadModel, found != std::end(kTypeCodes),
             "{}: element type {:?}, expected little-endian numbers or truth values", file_,
             *type_code_);
    return found->dtype;
  }
  bool fortran_order() const { return *fortran_order_; }
  const Shape& shape() const { return *shape_; }

 private:
  void parse_item() {
    const std::string_view key = parse_string();
    expect(':');
    if (key == "descr" && !type_code_) {
      type_code_ = parse_string();
    } else if (key == "fortran_order" && !fortran_order_) {
      fortran_order_ = parse_bool();
    } else if (key == "shape" && !shape_) {
      shape_ = parse_shape();
    } else {
      fail(ErrorCode::kBadModel, "{}: the header has an unknown or repeated key {:?}", file_, key);
    }
  }

  std::string_view parse_string() {
    skip_spaces();
    const char quote = text_.empty() ? '\0' : text_.front();
    const std::size_t end =
        quote == '\'' || quote == '"' ? text_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) unexpected("a string");
    const std::string_view content = text_.substr(1, end - 1);
    if (content.find('\\') != std::string_view::npos) unexpected("a string without escapes");
    text_.remove_prefix(end + 1);
    return content;
  }

  bool parse_bool() {
    skip_spaces();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (text_.starts_with(word)) {
        text_.remove_prefix(word.size());
        return value;
      }
    }
    unexpected("True or False");
  }

  Shape parse_shape() {
    expect('(');
    std::vector<std::int64_t> dims;
    bool comma = false;
    while (!accept(')')) {
      if (!dims.empty() && !comma) unexpected("a comma");
      if (dims.size() == Shape::kMaxRank) unexpected("at most 32 dimensions");
      dims.push_back(parse_number());
      comma = accept(',');
    }
    // (5) is a number in Python, not a tuple.
    if (dims.size() == 1 && !comma) unexpected("a tuple");
    return Shape(std::move(dims));
  }

  std::int64_t parse_number() {
    skip_spaces();
    CheckedSize value;
    std::size_t digits = 0;
    for (; digits < text_.size() && text_[digits] >= '0' && text_[digits] <= '9'; ++digits) {
      value = value * 10 + (text_[digits] - '0');
    }
    if (digits == 0 || !value.at_most(std::numeric_limits<std::int64_t>::max()))
      unexpected("a dimension");
    text_.remove_prefix(digits);
    return static_cast<std::int64_t>(value.value());
  }

  void skip_spaces() {
    while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\n'))
      text_.remove_prefix(1);
  }

  bool accept(char wanted) {
    skip_spaces();
    if (!text_.starts_with(wanted)) return false;
    text_.remove_prefix(1);
    return true;
  }

  void expect(char wanted) {
    if (!accept(wanted)) unexpected(std::string_view(&wanted, 1));
  }

  std::string_view start_of_rest() const { return text_.substr(0, 40); }

  [[noreturn]] void unexpected(std::string_view wanted) const {
    fail(ErrorCode::kBadModel, "{}: the header is malformed: expected {}, found {:?}", file_,
         wanted, start_of_rest());
  }

  std::string_view text_;
  const std::string& file_;
  std::optional<std::string_view> type_code_;
  std::optional<bool> fortran_order_;
  std::optional<Shape> shape_;
};

std::vector<std::int64_t> fortran_order_strides(const Shape& shape) {
  std::vector<std::int64_t> strides;
  std::int64_t stride = 1;
  for (const std::int64_t dim : shape.dims()) {
    strides.push_back(stride);
    stride *= dim;
  }
  return strides;
}

std::string_view read_header(ByteCursor& cursor) {
  const auto major = cursor.read<std::uint8_t>("the version");
  const auto minor = cursor.read<std::uint8_t>("the version");
  CHECK_AS(kBadModel, major >= 1 && major <= 3 && minor == 0,
           "{}: version {}.{} of the .npy format, expected 1.0, 2.0 or 3.0", cursor.file(), major,
           minor);
  const std::uint64_t header_bytes = major == 1 ? cursor.read<std::uint16_t>("the header's length")
                                                : cursor.read<std::uint32_t>("the header's length");
  CHECK_AS(kBadModel, header_bytes <= kMaxHeaderBytes,
           "{}: a header of {} bytes, expected at most {}", cursor.file(), header_bytes,
           kMaxHeaderBytes);
  const std::string_view header = cursor.take_text(header_bytes, "the header");
  CHECK_AS(kBadModel, header.ends_with('\n'), "{}: the header does not end with a newline",
           cursor.file());
  return header;
}

}  // namespace

bool is_npy(std::span<const std::byte> bytes) {
  return bytes.size() >= kMagic.size() &&
         std::ranges::equal(bytes.first(kMagic.size()), std::as_bytes(std::span(kMagic)));
}

SourceFile read_npy(std::span<const std::byte> bytes, const std::string& file) {
  CHECK_AS(kBadModel, is_npy(bytes), "{}: not a .npy file", file);
  ByteCursor cursor(bytes, file, kMagic.size());
  HeaderParser header(read_header(cursor), file);
  header.parse();

  SourceTensor tensor{
      .name = {}, .dtype = header.dtype(), .shape = header.shape(), .data = {}, .strides = {}};
  const CheckedSize data_bytes = checked_tensor_bytes(tensor.dtype, tensor.shape.dims());
  CHECK_AS(kBadModel, data_bytes.equals(cursor.remaining()),
           "{}: {} {} does not need the {} bytes of data", file, to_string(tensor.dtype),
           tensor.shape.to_string(), cursor.remaining());
  tensor.data = cursor.take(data_bytes, "the data");
  if (header.fortran_order()) {
    tensor.strides = fortran_order_strides(tensor.shape);
    drop_plain_strides(tensor);
  }
  SourceFile source("numpy", bytes, file);
  source.tensors.push_back(std::move(tensor));
  return source;
}

}  // namespace nestor
