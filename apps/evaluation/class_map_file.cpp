// libpng reports errors by a callback that must not return. Ours jumps (its C frames cannot be
// unwound) into one of the steps of Reader, which own nothing that has a destructor.

#include "apps/evaluation/class_map_file.h"

#include <png.h>

#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

constexpr std::uint64_t kMostPixels = std::uint64_t{1} << 28;
// Of which deflate makes a byte, at 1 bit a pixel: a small file is no large picture.
constexpr std::uint64_t kPixelsPerByte = 8 * 1032;

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &on_error, &on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
  }
  ~Reader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  bool is_ready() const { return info_ != nullptr; }
  const char* message() const { return message_; }
  png_uint_32 width() const { return png_get_image_width(png_, info_); }
  png_uint_32 height() const { return png_get_image_height(png_, info_); }
  bool has_classes() const {
    const int colours = png_get_color_type(png_, info_);
    return png_get_bit_depth(png_, info_) <= 8 &&
           (colours == PNG_COLOR_TYPE_GRAY || colours == PNG_COLOR_TYPE_PALETTE);
  }

  // The steps. They return false after an error.
  bool read_header() {
    if (setjmp(on_error_) != 0) return false;
    png_set_read_fn(png_, this, &on_read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // read() has the limits
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_read_info(png_, info_);
    return true;
  }

  // One byte a pixel.
  bool read_rows(png_bytep pixels) {
    if (setjmp(on_error_) != 0) return false;
    png_set_packing(png_);
    const int num_passes = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    for (int pass = 0; pass < num_passes; ++pass) {
      for (png_uint_32 y = 0; y < height(); ++y) {
        png_read_row(png_, pixels + static_cast<std::size_t>(y) * width(), nullptr);
      }
    }
    png_read_end(png_, nullptr);
    return true;
  }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    Reader& reader = *static_cast<Reader*>(png_get_error_ptr(png));
    std::snprintf(reader.message_, sizeof reader.message_, "%s", message);
    std::longjmp(reader.on_error_, 1);
  }

  // They concern chunks that pixels do not depend on.
  static void on_warning(png_structp, png_const_charp) {}

  static void on_read(png_structp png, png_bytep dst, std::size_t size_bytes) {
    Reader& reader = *static_cast<Reader*>(png_get_io_ptr(png));
    if (size_bytes > reader.rest_.size()) png_error(png, "the PNG file ends early");
    std::memcpy(dst, reader.rest_.data(), size_bytes);
    reader.rest_ = reader.rest_.subspan(size_bytes);
  }

  std::span<const std::byte> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  std::jmp_buf on_error_;
  char message_[128] = {};
};

}  // namespace

IndexImage read_class_map(std::span<const std::byte> bytes, const std::string& name) {
  Reader reader(bytes);
  CHECK_AS(kOutOfMemory, reader.is_ready(), "{}: not enough memory to decode it", name);
  CHECK_AS(kBadInput, reader.read_header(), "{}: not a PNG of classes: {}", name, reader.message());
  CHECK_AS(kBadInput, reader.has_classes(),
           "{}: not a PNG of classes, which has one channel (grey or palette) of at most 8 bits",
           name);
  const std::uint64_t pixels = std::uint64_t{reader.width()} * reader.height();
  CHECK_AS(kBadInput, pixels <= kMostPixels && pixels / kPixelsPerByte <= bytes.size(),
           "{}: {} x {} pixels, which is too many{}", name, reader.width(), reader.height(),
           pixels <= kMostPixels ? fmt::format(" for {} bytes", bytes.size()) : "");
  IndexImage map{.width = static_cast<int>(reader.width()),
                 .height = static_cast<int>(reader.height()),
                 .classes = std::vector<std::uint8_t>(pixels)};
  CHECK_AS(kBadInput, reader.read_rows(map.classes.data()), "{}: {}", name, reader.message());
  return map;
}

IndexImage read_class_map(const std::string& path) {
  const MappedFile file = MappedFile::open(path);
  return read_class_map(file.bytes(), path);
}

}  // namespace nestor
