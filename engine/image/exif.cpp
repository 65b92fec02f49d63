// Just enough of EXIF (a TIFF structure) to find the orientation in its first directory.

#include <optional>

#include "engine/image/internal/decoders.h"

namespace nestor::image {

namespace {

constexpr unsigned kOrientationTag = 0x0112;
constexpr unsigned kTypeShort = 3;
constexpr std::size_t kEntryBytes = 12;

class Tiff {
 public:
  Tiff(std::span<const unsigned char> bytes, bool big_endian)
      : bytes_(bytes), big_endian_(big_endian) {}

  std::optional<std::uint32_t> read(std::size_t offset, std::size_t size_bytes) const {
    if (offset > bytes_.size() || bytes_.size() - offset < size_bytes) return std::nullopt;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < size_bytes; ++i) {
      value = value << 8 | bytes_[offset + (big_endian_ ? i : size_bytes - 1 - i)];
    }
    return value;
  }

 private:
  std::span<const unsigned char> bytes_;
  bool big_endian_;
};

}  // namespace

int exif_orientation(std::span<const unsigned char> tiff) {
  if (tiff.size() < 8 || tiff[0] != tiff[1] || (tiff[0] != 'I' && tiff[0] != 'M')) return 1;
  const Tiff file(tiff, tiff[0] == 'M');
  if (file.read(2, 2) != 42U) return 1;
  const std::size_t directory = *file.read(4, 4);
  const std::size_t num_entries = file.read(directory, 2).value_or(0);
  for (std::size_t i = 0; i < num_entries; ++i) {
    const std::size_t entry = directory + 2 + i * kEntryBytes;
    const auto tag = file.read(entry, 2);
    if (!tag) return 1;
    if (*tag != kOrientationTag || file.read(entry + 2, 2) != kTypeShort) continue;
    const std::uint32_t value = file.read(entry + 8, 2).value_or(1);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

}  // namespace nestor::image
