#include "engine/image/png_reader.h"

#include <cstdio>
#include <cstring>

#include "engine/check.h"

namespace nestor::image {

PngReader::PngReader(std::span<const std::byte> bytes, const std::string& name) : rest_(bytes) {
  png_ = png_create_read_struct(PNG_LIBPNG_VER_STRING, this, &on_error, &on_warning);
  if (png_ != nullptr) info_ = png_create_info_struct(png_);
  if (info_ == nullptr) {
    png_destroy_read_struct(&png_, &info_, nullptr);
    fail(ErrorCode::kOutOfMemory, "{}: not enough memory to decode it", name);
  }
}

PngReader::~PngReader() { png_destroy_read_struct(&png_, &info_, nullptr); }

bool PngReader::read_header() {
  if (setjmp(on_error_) != 0) return false;
  png_set_read_fn(png_, this, &on_read);
  png_set_user_limits(png_, PNG_UINT_31_MAX, PNG_UINT_31_MAX);
  // Only what pixels depend on is read, and eXIf: no profiles or texts that inflate.
  static constexpr png_byte kExif[] = {'e', 'X', 'I', 'f', 0};
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_NEVER, nullptr, -1);
  png_set_keep_unknown_chunks(png_, PNG_HANDLE_CHUNK_AS_DEFAULT, kExif, 1);
  // Some writers state a smaller window than they used. Pillow does not mind.
  png_set_option(png_, PNG_MAXIMUM_INFLATE_WINDOW, PNG_OPTION_ON);
  png_read_info(png_, info_);
  return true;
}

void PngReader::begin_rows() {
  num_passes_ = png_set_interlace_handling(png_);
  png_read_update_info(png_, info_);
}

bool PngReader::read_rows(std::uint8_t* pixels, std::size_t stride) {
  if (setjmp(on_error_) != 0) return false;
  for (int pass = 0; pass < num_passes_; ++pass) {
    for (png_uint_32 y = 0; y < height(); ++y) png_read_row(png_, pixels + y * stride, nullptr);
  }
  png_read_end(png_, nullptr);
  return true;
}

std::span<const unsigned char> PngReader::exif() const {
  png_uint_32 size_bytes = 0;
  png_bytep exif = nullptr;
  if (png_get_eXIf_1(png_, info_, &size_bytes, &exif) == 0) return {};
  return {exif, size_bytes};
}

void PngReader::on_error(png_structp png, png_const_charp message) {
  PngReader& reader = *static_cast<PngReader*>(png_get_error_ptr(png));
  std::snprintf(reader.message_, sizeof reader.message_, "%s", message);
  std::longjmp(reader.on_error_, 1);
}

// They concern chunks that pixels do not depend on.
void PngReader::on_warning(png_structp, png_const_charp) {}

void PngReader::on_read(png_structp png, png_bytep dst, std::size_t size_bytes) {
  PngReader& reader = *static_cast<PngReader*>(png_get_io_ptr(png));
  if (size_bytes > reader.rest_.size()) png_error(png, "the PNG file ends early");
  std::memcpy(dst, reader.rest_.data(), size_bytes);
  reader.rest_ = reader.rest_.subspan(size_bytes);
}

}  // namespace nestor::image
