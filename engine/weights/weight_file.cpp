#include "engine/weights/weight_file.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "engine/check.h"
#include "engine/weights/file_kind.h"
#include "engine/weights/safetensors_header.h"

namespace nestor {

namespace {

constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit

std::uint64_t load_u64(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < 8; ++i) value |= std::to_integer<std::uint64_t>(bytes[i]) << (8 * i);
  return value;
}

// Sorted by their data, entries must follow one another without hole or overlap through all of it.
void check_cover(std::span<const WeightFile::Entry> entries, std::span<const std::byte> data,
                 const std::string& file) {
  std::size_t end = 0;
  for (const WeightFile::Entry& entry : entries) {
    const auto begin = static_cast<std::size_t>(entry.data.data() - data.data());
    CHECK_AS(kBadModel, begin == end,
             "{}: tensor {:?} begins at byte {} of the data, expected {}: {}", file, entry.name,
             begin, end, begin < end ? "tensors overlap" : "a hole");
    end += entry.data.size();
  }
  CHECK_AS(kBadModel, end == data.size(), "{}: {} bytes after the last tensor", file,
           data.size() - end);
}

// The entries' indices in the order of their names, which must differ. Sorted, not hashed: names
// can be made so that they all have one hash.
std::vector<std::uint32_t> order_of_names(std::span<const WeightFile::Entry> entries,
                                          const std::string& file) {
  std::vector<std::uint32_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  const auto name = [entries](std::uint32_t idx) { return std::string_view(entries[idx].name); };
  std::ranges::sort(order, {}, name);
  const auto twice = std::ranges::adjacent_find(order, {}, name);
  CHECK_AS(kBadModel, twice == order.end(), "{}: tensor {:?} occurs twice", file, name(*twice));
  return order;
}

// The likeliest mistakes get a better message than the first number that makes no sense.
void check_is_no_other_kind(std::span<const std::byte> bytes, const std::string& file) {
  if (looks_like_safetensors(bytes)) return;
  const std::optional<FileKind> kind = file_kind(bytes);
  if (!kind) return;
  std::string advice(kind->advice);
  if (kind->convertible) {
    advice =
        fmt::format("convert it with nestor-convert --input {} --output MODEL.safetensors", file);
  }
  fail(ErrorCode::kBadModel, "{}: {}, expected a model (safetensors){}{}", file, kind->name,
       advice.empty() ? "" : "; ", advice);
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
  check_is_no_other_kind(bytes, file.name_);
  CHECK_AS(kBadModel, bytes.size() >= 8, "{}: {} bytes are too few for a safetensors file",
           file.name_, bytes.size());
  const std::uint64_t header_bytes = load_u64(bytes);
  CHECK_AS(kBadModel, header_bytes <= kMaxHeaderBytes,
           "{}: a header of {} bytes, expected at most {}", file.name_, header_bytes,
           kMaxHeaderBytes);
  CHECK_AS(kBadModel, header_bytes <= bytes.size() - 8,
           "{}: a header of {} bytes in a file of {}: cut short, perhaps", file.name_, header_bytes,
           bytes.size());
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + 8, header_bytes);
  const std::span<const std::byte> data = bytes.subspan(8 + header_bytes);

  SafetensorsHeader header = parse_safetensors_header(text, data, file.name_);
  file.metadata_ = std::move(header.metadata);
  file.entries_ = std::move(header.entries);
  std::ranges::sort(file.entries_, {}, [](const Entry& entry) {
    return std::tuple(entry.data.data(), entry.data.size(), std::string_view(entry.name));
  });
  file.by_name_ = order_of_names(file.entries_, file.name_);
  check_cover(file.entries_, data, file.name_);
  return file;
}

std::vector<WeightFile::Entry> WeightFile::take_entries() && {
  by_name_.clear();
  return std::move(entries_);
}

const WeightFile::Entry* WeightFile::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(by_name_, name, {}, [this](std::uint32_t idx) {
    return std::string_view(entries_[idx].name);
  });
  const bool there = found != by_name_.end() && entries_[*found].name == name;
  return there ? &entries_[*found] : nullptr;
}

}  // namespace nestor
