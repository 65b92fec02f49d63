#pragma once
// Image files for tests, made of pixels.

#include <cstddef>
#include <cstdint>
#include <vector>

#include "nestor/image.h"

namespace nestor::testing {

using Bytes = std::vector<std::uint8_t>;

// A picture of smooth ramps with some noise in it, different in every channel.
Image test_picture(int width, int height);

struct JpegOptions {
  int quality = 90;
  int h_samp = 1, v_samp = 1;  // of luma; chroma has 1
  bool progressive = false;
  bool scan_per_component = false;
  bool many_scans = false;  // a progressive file with a scan for every coefficient and bit
  int orientation = 0;      // written as EXIF unless 0
};
Bytes encode_jpeg(const Image& image, const JpegOptions& options = {});

// One colour, as stored: inverted CMYK with an Adobe marker.
Bytes encode_cmyk_jpeg(int width, int height, const std::uint8_t (&stored)[4]);

Bytes encode_png(const Image& image, bool interlaced = false);
Bytes encode_grey16_png(int width, int height, const std::vector<std::uint16_t>& levels);
Bytes encode_bmp(const Image& image);
Bytes encode_tga(const Image& image, bool run_lengths = false);
Bytes encode_ppm(const Image& image);

// 8 colours: the topmost bits of the picture's channels. The codes are not compressed.
Bytes encode_gif(const Image& image);

}  // namespace nestor::testing
