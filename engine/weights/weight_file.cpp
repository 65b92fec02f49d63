#include "engine/weights/weight_file.h"

#include <algorithm>
#include <tuple>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/weights/safetensors_header.h"

namespace nestor {

namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

std::uint64_t load_u64(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

// Shape and element type must need exactly the bytes that the offsets span.
void check_size(const SafetensorsEntry& entry, const std::string& file) {
  const std::optional<unsigned> bits = safetensors_bits(entry.dtype);
  CHECK_AS(kBadModel, bits, "{}: tensor {:?} has unknown element type {:?}", file, entry.name,
           entry.dtype);
  CheckedSize need_bits = *bits;
  for (const std::int64_t dim : entry.shape) need_bits *= dim;
  const std::string shape = Shape(entry.shape).to_string();
  CHECK_AS(kBadModel, entry.data_begin <= entry.data_end,
           "{}: tensor {:?} has data_offsets [{}, {}], end before begin", file, entry.name,
           entry.data_begin, entry.data_end);
  const std::uint64_t have_bytes = entry.data_end - entry.data_begin;
  CHECK_AS(
      kBadModel,
      !need_bits.overflowed() && need_bits.value() % 8 == 0 && need_bits.value() / 8 == have_bytes,
      "{}: tensor {:?} is {} {}, which does not need the {} bytes of its data_offsets [{}, {}]",
      file, entry.name, entry.dtype, shape, have_bytes, entry.data_begin, entry.data_end);
}

// Sorted by their data, entries must follow one another without hole or overlap through all of it.
void check_cover(std::span<const SafetensorsEntry> entries, std::uint64_t data_bytes,
                 const std::string& file) {
  std::uint64_t end = 0;
  for (const SafetensorsEntry& entry : entries) {
    CHECK_AS(kBadModel, entry.data_begin == end,
             "{}: tensor {:?} begins at byte {} of the data, expected {}: {}", file, entry.name,
             entry.data_begin, end, entry.data_begin < end ? "tensors overlap" : "a hole");
    CHECK_AS(kBadModel, entry.data_end <= data_bytes,
             "{}: tensor {:?} ends at byte {} of the data, the file has {}", file, entry.name,
             entry.data_end, data_bytes);
    end = entry.data_end;
  }
  CHECK_AS(kBadModel, end == data_bytes, "{}: {} bytes after the last tensor", file,
           data_bytes - end);
}

}  // namespace

WeightFile WeightFile::open(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::open(path);
  WeightFile weights = parse(file.bytes(), file.name());
  weights.mapping_ = file.owner();
  return weights;
}

WeightFile WeightFile::parse(std::span<const std::byte> bytes, std::string name) {
  WeightFile file;
  file.name_ = std::move(name);
  CHECK_AS(kBadModel, bytes.size() >= 8, "{}: {} bytes are too few for a safetensors file",
           file.name_, bytes.size());
  const std::uint64_t header_bytes = load_u64(bytes);
  CHECK_AS(kBadModel, header_bytes <= kMaxHeaderBytes,
           "{}: a header of {} bytes, expected at most {}", file.name_, header_bytes,
           kMaxHeaderBytes);
  CHECK_AS(kBadModel, header_bytes <= bytes.size() - 8, "{}: a header of {} bytes in a file of {}",
           file.name_, header_bytes, bytes.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  const std::span<const std::byte> data = bytes.subspan(8 + header_bytes);

  SafetensorsHeader header = parse_safetensors_header(text, file.name_);
  for (const SafetensorsEntry& entry : header.entries) check_size(entry, file.name_);
  std::ranges::sort(header.entries, {}, [](const SafetensorsEntry& entry) {
    return std::tuple(entry.data_begin, entry.data_end, std::string_view(entry.name));
  });
  check_cover(header.entries, data.size(), file.name_);

  file.metadata_ = std::move(header.metadata);
  file.entries_.reserve(header.entries.size());
  for (SafetensorsEntry& entry : header.entries) {
    file.by_name_.emplace(entry.name, file.entries_.size());
    file.entries_.push_back(
        {.name = std::move(entry.name),
         .dtype = std::move(entry.dtype),
         .shape = Shape(std::move(entry.shape)),
         .data = data.subspan(entry.data_begin, entry.data_end - entry.data_begin)});
  }
  return file;
}

const WeightFile::Entry* WeightFile::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

}  // namespace nestor
