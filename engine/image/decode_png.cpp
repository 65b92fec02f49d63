// PNG by libpng. Colour profiles and gamma are ignored and alpha is dropped, as MXNet and Pillow
// do; for 16-bit grey they differ.
//
// libpng reports errors by a callback that must not return. Ours jumps (its C frames cannot be
// unwound) into one of the step functions below, which own nothing that has a destructor.

#include <png.h>

#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>

#include "engine/check.h"
#include "engine/checked.h"
#include "engine/image/internal/decoders.h"

namespace nestor::image {

namespace {

// 8 pixels in a byte, which deflate makes up to 1032 times smaller.
constexpr std::uint64_t kPixelsPerByte = 8 * 1032;

class PngReader {
 public:
  explicit PngReader(const Source& source) : rest_(source.bytes) {
    png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &PngReader::on_error,
                                  &PngReader::on_warning);
    if (png_ != nullptr) info_ = png_create_info_struct(png_);
    if (info_ == nullptr) {
      png_destroy_read_struct(&png_, &info_, nullptr);
      fail(ErrorCode::kOutOfMemory, "{}: not enough memory to decode it", source.name);
    }
  }
  ~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  const char* message() const { return message_; }  // of the error
  png_uint_32 width() const { return png_get_image_width(png_, info_); }
  png_uint_32 height() const { return png_get_image_height(png_, info_); }
  bool is_grey_16() const {
    return png_get_bit_depth(png_, info_) == 16 &&
           png_get_color_type(png_, info_) == PNG_COLOR_TYPE_GRAY;
  }
  std::size_t row_bytes() const { return png_get_rowbytes(png_, info_); }

  int orientation() const {
    png_uint_32 size_bytes = 0;
    png_bytep exif = nullptr;
    if (png_get_eXIf_1(png_, info_, &size_bytes, &exif) == 0) return 1;
    return exif_orientation({exif, size_bytes});
  }

  // The steps. They return false after an error.
  bool read_header() {
    if (setjmp(on_error_) != 0) return false;
    png_set_read_fn(png_, this, &PngReader::on_read);
    png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // allocate() has the limits
    // Only what pixels depend on is read, and eXIf: no profiles or texts that inflate.
    static constexpr png_byte kExif[] = {'e', 'X', 'I', 'f', 0};
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
    png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT, kExif, 1);
    // Some writers state a smaller window than they used. Pillow does not mind.
    png_set_option(png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
    png_read_info(png_, info_);
    return true;
  }

  // Rows become 8-bit RGB, or with keep_16_bits 16-bit RGB.
  bool start(bool keep_16_bits) {
    if (setjmp(on_error_) != 0) return false;
    png_set_palette_to_rgb(png_);
    png_set_expand_gray_1_2_4_to_8(png_);
    png_set_strip_alpha(png_);
    png_set_gray_to_rgb(png_);
    if (!keep_16_bits) png_set_strip_16(png_);
    num_passes_ = png_set_interlace_handling(png_);
    png_read_update_info(png_, info_);
    return true;
  }

  bool read_rows(png_bytep pixels, std::size_t stride) {
    if (setjmp(on_error_) != 0) return false;
    for (int pass = 0; pass < num_passes_; ++pass) {
      for (png_uint_32 y = 0; y < height(); ++y) png_read_row(png_, pixels + y * stride, nullptr);
    }
    png_read_end(png_, nullptr);
    return true;
  }

 private:
  [[noreturn]] static void on_error(png_structp png, png_const_charp message) {
    PngReader& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
    std::snprintf(reader.message_, sizeof reader.message_, "%s", message);
    std::longjmp(reader.on_error_, 1);
  }

  // They concern chunks that pixels do not depend on.
  static void on_warning(png_structp, png_const_charp) {}

  static void on_read(png_structp png, png_bytep dst, std::size_t size_bytes) {
    PngReader& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
    if (size_bytes > reader.rest_.size()) png_error(png, "the PNG file ends early");
    std::memcpy(dst, reader.rest_.data(), size_bytes);
    reader.rest_ = reader.rest_.subspan(size_bytes);
  }

  std::span<const std::byte> rest_;
  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  int num_passes_ = 1;
  std::jmp_buf on_error_;
  char message_[128] = {};
};

void read_pixels(const Source& source, PngReader& reader, DecodedImage& decoded,
                 std::uint8_t* pixels, std::size_t stride) {
  CHECK(reader.row_bytes() == stride, "{}: PNG rows of {} bytes, expected {}", source.name,
        reader.row_bytes(), stride);
  if (!reader.read_rows(pixels, stride)) {
    refuse_unless_lenient(source, decoded, reader.message());
  }
}

// Pillow clips 16-bit grey to 255 instead of scaling it.
void read_clipped(const Source& source, PngReader& reader, DecodedImage& decoded) {
  std::vector<std::uint8_t>& rgb = decoded.image.rgb;
  const CheckedSize size_bytes = CheckedSize(rgb.size()) * 2;
  CHECK_AS(kBadInput, size_bytes.at_most(PTRDIFF_MAX), "{}: too many pixels", source.name);
  std::vector<std::uint8_t> wide(size_bytes.value());
  read_pixels(source, reader, decoded, wide.data(),
              static_cast<std::size_t>(decoded.image.width) * 6);
  for (std::size_t i = 0; i < rgb.size(); ++i) rgb[i] = wide[2 * i] != 0 ? 255 : wide[2 * i + 1];
}

}  // namespace

DecodedImage decode_png(const Source& source) {
  PngReader reader(source);
  CHECK_AS(kBadInput, reader.read_header(), "{}: {}", source.name, reader.message());
  const bool clip = source.options.convention == DecoderConvention::kPillow && reader.is_grey_16();
  const CheckedSize wide_bytes = CheckedSize(reader.width()) * reader.height() * (clip ? 6 : 0);
  DecodedImage decoded{
      .image = allocate(source, reader.width(), reader.height(), kPixelsPerByte, wide_bytes),
      .format = "png",
      .orientation = reader.orientation()};
  CHECK_AS(kBadInput, reader.start(clip), "{}: {}", source.name, reader.message());
  if (clip) {
    read_clipped(source, reader, decoded);
  } else {
    read_pixels(source, reader, decoded, decoded.image.rgb.data(),
                static_cast<std::size_t>(decoded.image.width) * 3);
  }
  return decoded;
}

}  // namespace nestor::image
