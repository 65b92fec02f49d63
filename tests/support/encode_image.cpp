#include "tests/support/encode_image.h"

#include <fmt/core.h>
#include <png.h>
#include <webp/encode.h>

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
// After cstdio, which it needs.
#include <jpeglib.h>

namespace nestor::testing {

namespace {

void append(Bytes& file, std::initializer_list<int> bytes) {
  for (const int byte : bytes) file.push_back(static_cast<std::uint8_t>(byte));
}
void append(Bytes& file, const std::string& text) {
  file.insert(file.end(), text.begin(), text.end());
}

void append_word(Bytes& file, int value) { append(file, {value & 255, value >> 8 & 255}); }
void append_long(Bytes& file, int value) {
  append_word(file, value & 0xFFFF);
  append_word(file, value >> 16);
}

// A scan for DC, and for each AC coefficient one with all bits but the last and one with that.
std::vector<jpeg_scan_info> scan_for_every_coefficient() {
  std::vector<jpeg_scan_info> scans = {
      {.comps_in_scan = 3, .component_index = {0, 1, 2, 0}, .Ss = 0, .Se = 0, .Ah = 0, .Al = 0}};
  for (const int last_bits : {0, 1}) {
    for (int k = 1; k < 64; ++k) {
      scans.push_back({.comps_in_scan = 1,
                       .component_index = {0, 0, 0, 0},
                       .Ss = k,
                       .Se = k,
                       .Ah = last_bits,
                       .Al = 1 - last_bits});
    }
  }
  return scans;
}

std::vector<jpeg_scan_info> scan_for_every_component() {
  std::vector<jpeg_scan_info> scans;
  for (int c = 0; c < 3; ++c) {
    scans.push_back(
        {.comps_in_scan = 1, .component_index = {c, 0, 0, 0}, .Ss = 0, .Se = 63, .Ah = 0, .Al = 0});
  }
  return scans;
}

Bytes exif_marker(int orientation) {
  Bytes marker = {'E', 'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0, 8, 0, 1};
  append(marker, {0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0});
  return marker;
}

template <class Setup>
Bytes compress(int width, int height, int channels, const Bytes& pixels, const Setup& setup) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* buffer = nullptr;
  unsigned long size_bytes = 0;
  jpeg_mem_dest(&info, &buffer, &size_bytes);
  info.image_width = static_cast<JDIMENSION>(width);
  info.image_height = static_cast<JDIMENSION>(height);
  info.input_components = channels;
  info.in_color_space = channels == 4 ? JCS_CMYK : JCS_RGB;
  jpeg_set_defaults(&info);
  const Bytes exif = setup(info);
  jpeg_start_compress(&info, TRUE);
  if (!exif.empty()) {
    jpeg_write_marker(&info, JPEG_APP0 + 1, exif.data(), static_cast<unsigned>(exif.size()));
  }
  for (int y = 0; y < height; ++y) {
    JSAMPROW row = const_cast<JSAMPROW>(pixels.data()) + std::ptrdiff_t{y} * width * channels;
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  Bytes file(buffer, buffer + size_bytes);
  std::free(buffer);
  return file;
}

Bytes write_png(int width, int height, int depth, int colour_type, bool interlaced,
                const Bytes& pixels) {
  Bytes file;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  png_set_write_fn(
      png, &file,
      [](png_structp self, png_bytep data, std::size_t size_bytes) {
        auto& bytes = *static_cast<Bytes*>(png_get_io_ptr(self));
        bytes.insert(bytes.end(), data, data + size_bytes);
      },
      nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height), depth,
               colour_type, interlaced ? PNG_INTERLACE_ADAM7 : PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  std::vector<png_bytep> rows;
  const std::size_t stride = pixels.size() / static_cast<std::size_t>(height);
  for (int y = 0; y < height; ++y) {
    rows.push_back(const_cast<png_bytep>(pixels.data()) + static_cast<std::size_t>(y) * stride);
  }
  png_write_info(png, info);
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return file;
}

std::size_t pixel_offset(const Image& image, int x, int y) {
  return static_cast<std::size_t>(y * image.width + x) * 3;
}

void append_bgr(Bytes& file, const Image& image, int x, int y) {
  const std::uint8_t* const pixel = image.rgb.data() + pixel_offset(image, x, y);
  append(file, {pixel[2], pixel[1], pixel[0]});
}

// Codes of 4 bits and, as the reader's table of strings grows, more; in blocks of one byte.
class GifCodes {
 public:
  explicit GifCodes(Bytes& file) : file_(file) {}

  void clear() {
    write(8);
    num_bits_ = 4;
    num_strings_ = 10;
    begun_ = false;
  }
  void put(int index) {
    write(index);
    if (begun_ && num_strings_ < 4096 && ++num_strings_ == 1 << num_bits_ && num_bits_ < 12) {
      ++num_bits_;
    }
    begun_ = true;
  }
  void end() {
    write(9);
    while (num_waiting_ > 0) flush_byte();
  }

 private:
  void write(int code) {
    waiting_ |= code << num_waiting_;
    num_waiting_ += num_bits_;
    while (num_waiting_ >= 8) flush_byte();
  }
  void flush_byte() {
    append(file_, {1, waiting_ & 255});
    waiting_ >>= 8;
    num_waiting_ -= 8;
  }

  Bytes& file_;
  int num_bits_ = 4, num_strings_ = 10;
  bool begun_ = false;
  int waiting_ = 0, num_waiting_ = 0;
};

}  // namespace

Image test_picture(int width, int height) {
  Image image{width, height, {}};
  std::uint32_t noise = 1;
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      for (int c = 0; c < 3; ++c) {
        noise = noise * 1664525 + 1013904223;
        const int level = 20 + (x * (5 + c) + y * (9 - c)) % 180 + static_cast<int>(noise >> 27);
        image.rgb.push_back(static_cast<std::uint8_t>(level));
      }
    }
  }
  return image;
}

Bytes encode_jpeg(const Image& image, const JpegOptions& options) {
  const auto scans = options.many_scans ? scan_for_every_coefficient() : scan_for_every_component();
  return compress(image.width, image.height, 3, image.rgb, [&](jpeg_compress_struct& info) {
    jpeg_set_quality(&info, options.quality, TRUE);
    info.comp_info[0].h_samp_factor = options.h_samp;
    info.comp_info[0].v_samp_factor = options.v_samp;
    if (options.progressive) jpeg_simple_progression(&info);
    if (options.many_scans || options.scan_per_component) {
      info.scan_info = scans.data();
      info.num_scans = static_cast<int>(scans.size());
    }
    return options.orientation != 0 ? exif_marker(options.orientation) : Bytes{};
  });
}

Bytes encode_cmyk_jpeg(int width, int height, const std::uint8_t (&stored)[4]) {
  Bytes pixels;
  for (int i = 0; i < width * height; ++i) pixels.insert(pixels.end(), stored, stored + 4);
  return compress(width, height, 4, pixels, [](jpeg_compress_struct& info) {
    jpeg_set_quality(&info, 100, TRUE);
    return Bytes{};
  });
}

Bytes encode_png(const Image& image, bool interlaced) {
  return write_png(image.width, image.height, 8, PNG_COLOR_TYPE_RGB, interlaced, image.rgb);
}

Bytes encode_grey16_png(int width, int height, const std::vector<std::uint16_t>& levels) {
  Bytes pixels;
  for (const int level : levels) append(pixels, {level >> 8, level & 255});
  return write_png(width, height, 16, PNG_COLOR_TYPE_GRAY, false, pixels);
}

Bytes encode_bmp(const Image& image) {
  const int stride = (image.width * 3 + 3) / 4 * 4;
  Bytes file;
  append(file, "BM");
  append_long(file, 54 + stride * image.height);
  append_long(file, 0);
  append_long(file, 54);
  append_long(file, 40);
  append_long(file, image.width);
  append_long(file, image.height);
  append_word(file, 1);
  append_word(file, 24);
  for (int i = 0; i < 6; ++i) append_long(file, 0);
  for (int y = image.height - 1; y >= 0; --y) {
    for (int x = 0; x < image.width; ++x) append_bgr(file, image, x, y);
    for (int i = image.width * 3; i < stride; ++i) file.push_back(0);
  }
  return file;
}

Bytes encode_tga(const Image& image, bool run_lengths) {
  Bytes file;
  append(file, {0, 0, run_lengths ? 10 : 2, 0, 0, 0, 0, 0, 0, 0, 0, 0});
  append_word(file, image.width);
  append_word(file, image.height);
  append(file, {24, 0x20});  // rows from the top
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x) {
      if (run_lengths) file.push_back(0);  // a run of one pixel
      append_bgr(file, image, x, y);
    }
  }
  return file;
}

Bytes encode_ppm(const Image& image) {
  Bytes file;
  append(file, fmt::format("P6\n# a comment\n{} {}\n255\n", image.width, image.height));
  file.insert(file.end(), image.rgb.begin(), image.rgb.end());
  return file;
}

Bytes encode_gif(const Image& image, bool deferred_clear) {
  Bytes file;
  append(file, "GIF89a");
  append_word(file, image.width);
  append_word(file, image.height);
  append(file, {0x80 | 2, 0, 0});
  for (int i = 0; i < 8; ++i) append(file, {(i & 1) * 255, (i >> 1 & 1) * 255, (i >> 2) * 255});
  file.push_back(',');
  append_long(file, 0);
  append_word(file, image.width);
  append_word(file, image.height);
  append(file, {0, 3});
  GifCodes codes(file);
  codes.clear();
  for (int i = 0; i < image.width * image.height; ++i) {
    const std::uint8_t* const pixel = image.rgb.data() + i * 3;
    if (!deferred_clear && i % 5 == 0) codes.clear();
    codes.put((pixel[0] >> 7) | (pixel[1] >> 7) << 1 | (pixel[2] >> 7) << 2);
  }
  codes.end();
  append(file, {0, ';'});
  return file;
}

Bytes encode_webp(const Image& image) {
  std::uint8_t* file = nullptr;
  const std::size_t size =
      WebPEncodeLosslessRGB(image.rgb.data(), image.width, image.height, image.width * 3, &file);
  const Bytes bytes(file, file + size);
  WebPFree(file);
  return bytes;
}

}  // namespace nestor::testing
