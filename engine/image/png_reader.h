#pragma once
// The steps of reading a PNG by libpng, which pictures and class maps share.
//
// libpng reports errors by a callback that must not return. Ours jumps (its C frames cannot be
// unwound) into one of the steps, which own nothing that has a destructor.

#include <png.h>

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nestor::image {

class PngReader {
 public:
  // 8 pixels in a byte, which deflate makes up to 1032 times smaller: a small file is no large
  // picture.
  static constexpr std::uint64_t kPixelsPerByte = 8 * 1032;

  // `bytes` must outlive this. `name`: for messages. Throws kOutOfMemory.
  PngReader(std::span<const std::byte> bytes, const std::string& name);
  ~PngReader();
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  const char* message() const { return message_; }  // of the error

  // The steps. They return false after an error. The header has no limits of size: whoever
  // allocates has.
  bool read_header();

  // `set_up` asks libpng for transformations; it may own nothing that has a destructor.
  template <class SetUp>
  bool start(const SetUp& set_up) {
    if (setjmp(on_error_) != 0) return false;
    set_up(png_);
    begin_rows();
    return true;
  }

  // To `stride` bytes a row, as many as row_bytes().
  bool read_rows(std::uint8_t* pixels, std::size_t stride);

  // Of the header.
  png_uint_32 width() const { return png_get_image_width(png_, info_); }
  png_uint_32 height() const { return png_get_image_height(png_, info_); }
  int bit_depth() const { return png_get_bit_depth(png_, info_); }
  int colour_type() const { return png_get_color_type(png_, info_); }
  std::span<const unsigned char> exif() const;  // empty if there is none

  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }  // once started

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message);
  static void on_warning(png_structp png, png_const_charp message);
  static void on_read(png_structp png, png_bytep dst, std::size_t size_bytes);
  void begin_rows();

  std::span<const std::byte> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int num_passes_ = 1;
  std::jmp_buf on_error_;
  char message_[128] = {};
};

}  // namespace nestor::image
