// u64 magic | u64 reserved | u64 count, records | u64 count, names (u64 length, bytes)
//
// A record begins with a word that tells its version; records of version 0 have no such word, and
// what stands there is their rank. Rank 0 means "no array" up to version 2 and a scalar in
// version 3.

#include "weights_convert/readers/params.h"

#include <optional>

#include "engine/check.h"
#include "engine/checked.h"
#include "weights_convert/readers/byte_cursor.h"
#include "weights_convert/readers/tensor_names.h"
#include "weights_convert/readers/tensor_size.h"

namespace nestor {

namespace {

constexpr std::uint64_t kListMagic = 0x112;
constexpr std::size_t kListHeaderBytes = 24;
constexpr std::size_t kMinRecordBytes = 20;  // version 0 with one dimension and no elements
constexpr std::size_t kMinNameBytes = 8;

enum Version : int { kV0, kV1, kV2, kV3 };

std::optional<Version> version_of(std::uint32_t word) {
  switch (word) {
    case 0xF993FAC8: return kV1;
    case 0xF993FAC9: return kV2;
    case 0xF993FACA: return kV3;
    default: return {};
  }
}

constexpr DType kDTypes[] = {DType::kFloat32, DType::kFloat64, DType::kFloat16, DType::kUInt8,
                             DType::kInt32,   DType::kInt8,    DType::kInt64,   DType::kBool,
                             DType::kInt16,   DType::kUInt16,  DType::kUInt32,  DType::kUInt64,
                             DType::kBFloat16};

class RecordReader {
 public:
  RecordReader(ByteCursor& cursor, std::uint64_t idx)
      : cursor_(cursor), what_(fmt::format("array {}", idx)) {}

  SourceTensor read() {
    const auto word = cursor_.read<std::uint32_t>(what_);
    version_ = version_of(word).value_or(kV0);
    if (version_ >= kV2) read_storage_type();
    SourceTensor tensor;
    tensor.shape = read_shape(word);
    cursor_.take(8, what_);  // device type and number mean nothing here
    const auto flag = cursor_.read<std::int32_t>(what_);
    check(flag >= 0 && static_cast<std::size_t>(flag) < std::size(kDTypes), "unknown element type",
          flag);
    tensor.dtype = kDTypes[flag];
    const CheckedSize bytes = checked_tensor_bytes(tensor.dtype, tensor.shape.dims());
    CHECK_AS(kBadModel, bytes.at_most(cursor_.remaining()),
             "{}: {} is {} {}, more than the {} bytes left in the file", cursor_.file(), what_,
             to_string(tensor.dtype), tensor.shape.to_string(), cursor_.remaining());
    tensor.data = cursor_.take(bytes, what_);
    return tensor;
  }

 private:
  void check(bool ok, std::string_view problem, std::int64_t found) const {
    CHECK_AS(kBadModel, ok, "{}: {}: {} {}", cursor_.file(), what_, problem, found);
  }

  void read_storage_type() {
    const auto type = cursor_.read<std::int32_t>(what_);
    check(type == 0, "expected a dense array (storage type 0), found storage type", type);
  }

  Shape read_shape(std::uint32_t first_word) {
    const std::int64_t rank = version_ == kV0 ? first_word : cursor_.read<std::int32_t>(what_);
    check(rank > 0 || (rank == 0 && version_ == kV3), "no array is stored, rank is", rank);
    check(rank <= static_cast<std::int64_t>(Shape::kMaxRank),
          "unknown record version, or rank out of range:", rank);
    std::vector<std::int64_t> dims;
    for (std::int64_t i = 0; i < rank; ++i) {
      dims.push_back(version_ == kV0 ? cursor_.read<std::uint32_t>(what_)
                                     : cursor_.read<std::int64_t>(what_));
      // Before version 3 a zero stood for an unknown extent, not for an empty array.
      check(dims.back() > 0 || (dims.back() == 0 && version_ == kV3),
            "dimension out of range:", dims.back());
    }
    return Shape(std::move(dims));
  }

  ByteCursor& cursor_;
  std::string what_;
  Version version_ = kV0;
};

std::uint64_t read_count(ByteCursor& cursor, std::size_t min_item_bytes, std::string_view what) {
  const auto count = cursor.read<std::uint64_t>(what);
  CHECK_AS(kBadModel, (CheckedSize(count) * min_item_bytes).at_most(cursor.remaining()),
           "{}: {} is {}, more than the {} bytes left could hold", cursor.file(), what, count,
           cursor.remaining());
  return count;
}

}  // namespace

bool is_params(std::span<const std::byte> bytes) {
  // 0x112 may also be the header length of a safetensors file, whose header begins with a brace;
  // here eight zero bytes follow.
  const std::string file;
  return bytes.size() >= 8 && ByteCursor(bytes, file).read<std::uint64_t>("magic") == kListMagic &&
         (bytes.size() == 8 || bytes[8] != std::byte{'{'});
}

SourceFile read_params(std::span<const std::byte> bytes, const std::string& file) {
  CHECK_AS(kBadModel, is_params(bytes), "{}: not an MXNet parameter file", file);
  CHECK_AS(kBadModel, bytes.size() >= kListHeaderBytes,
           "{}: ends inside the header, after {} bytes", file, bytes.size());
  ByteCursor cursor(bytes, file, 16);
  SourceFile source("mxnet", bytes, file);

  const std::uint64_t num_arrays = read_count(cursor, kMinRecordBytes, "the number of arrays");
  for (std::uint64_t i = 0; i < num_arrays; ++i)
    source.tensors.push_back(RecordReader(cursor, i).read());

  const std::uint64_t num_names = read_count(cursor, kMinNameBytes, "the number of names");
  CHECK_AS(kBadModel, num_names == 0 || num_names == num_arrays, "{}: {} names for {} arrays", file,
           num_names, num_arrays);
  for (std::uint64_t i = 0; i < num_names; ++i) {
    const std::string what = fmt::format("name {}", i);
    const std::string_view name = cursor.take_text(cursor.read<std::uint64_t>(what), what);
    check_tensor_name(name, file);
    source.tensors[i].name = name;
  }
  check_names_unique(source.tensors, file);
  CHECK_AS(kBadModel, cursor.remaining() == 0, "{}: {} bytes after the last name", file,
           cursor.remaining());
  return source;
}

}  // namespace nestor
