#include "nestor/decode.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <optional>

#include "nestor/error.h"
#include "tests/support/encode_image.h"

namespace nestor {

namespace {

using testing::Bytes;

constexpr DecodeOptions kPillowOptions{.convention = DecoderConvention::kPillow};

DecodedImage decode(const Bytes& file, const DecodeOptions& options = {}) {
  return decode_image(std::as_bytes(std::span(file)), "picture", options);
}

// The message with which the file is refused; empty where it is not.
std::string refusal(const Bytes& file, const DecodeOptions& options = {}) {
  try {
    decode(file, options);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kBadInput);
    CHECK(std::string_view(error.what()).starts_with("picture: "));
    return error.what();
  }
  return {};
}

int largest_difference(const Image& a, const Image& b) {
  REQUIRE(a.rgb.size() == b.rgb.size());
  int largest = 0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) {
    largest = std::max(largest, std::abs(a.rgb[i] - b.rgb[i]));
  }
  return largest;
}

Bytes bytes_of(std::string_view text) { return {text.begin(), text.end()}; }

struct File {
  const char* name;
  Bytes bytes;
};

std::vector<File> one_of_each_kind() {
  const Image image = testing::test_picture(9, 7);
  return {{"jpeg", testing::encode_jpeg(image, {.h_samp = 2, .v_samp = 2})},
          {"jpeg 4:4:0", testing::encode_jpeg(image, {.v_samp = 2})},
          {"jpeg progressive", testing::encode_jpeg(image, {.progressive = true})},
          {"png", testing::encode_png(image)},
          {"png interlaced", testing::encode_png(image, /*interlaced=*/true)},
          {"bmp", testing::encode_bmp(image)},
          {"tga", testing::encode_tga(image)},
          {"tga run-length", testing::encode_tga(image, /*run_lengths=*/true)},
          {"pnm", testing::encode_ppm(image)},
          {"gif", testing::encode_gif(image)}};
}

}  // namespace

TEST_CASE("lossless formats come back bit for bit", "[image][cpu]") {
  for (const auto& [width, height] : {std::pair{9, 7}, std::pair{1, 1}, std::pair{1, 5}}) {
    const Image image = testing::test_picture(width, height);
    CHECK(decode(testing::encode_png(image)).image.rgb == image.rgb);
    CHECK(decode(testing::encode_png(image, /*interlaced=*/true)).image.rgb == image.rgb);
    CHECK(decode(testing::encode_bmp(image)).image.rgb == image.rgb);
    CHECK(decode(testing::encode_tga(image)).image.rgb == image.rgb);
    CHECK(decode(testing::encode_tga(image, /*run_lengths=*/true)).image.rgb == image.rgb);
    CHECK(decode(testing::encode_ppm(image)).image.rgb == image.rgb);
    Image posterised = image;
    for (auto& level : posterised.rgb) level = level >= 128 ? 255 : 0;
    CHECK(decode(testing::encode_gif(image)).image.rgb == posterised.rgb);
  }
}

TEST_CASE("JPEG comes back nearly, in all modes and odd sizes", "[image][cpu]") {
  const Image image = testing::test_picture(37, 21);
  const Image good = decode(testing::encode_jpeg(image, {.quality = 100})).image;
  CHECK(good.width == 37);
  CHECK(good.height == 21);
  CHECK(largest_difference(good, image) <= 4);
  const Image progressive =
      decode(testing::encode_jpeg(image, {.quality = 100, .progressive = true})).image;
  CHECK(progressive.rgb == good.rgb);
}

TEST_CASE("the conventions differ in 4:4:0 JPEG only by rounding", "[image][cpu]") {
  const Image image = testing::test_picture(37, 21);
  for (const auto& [h_samp, v_samp] : {std::pair{1, 1}, std::pair{2, 1}, std::pair{2, 2}}) {
    const Bytes file = testing::encode_jpeg(image, {.h_samp = h_samp, .v_samp = v_samp});
    CHECK(decode(file).image.rgb == decode(file, kPillowOptions).image.rgb);
  }
  const Bytes file = testing::encode_jpeg(image, {.v_samp = 2});
  const int difference = largest_difference(decode(file).image, decode(file, kPillowOptions).image);
  CHECK(difference >= 1);
  CHECK(difference <= 2);
}

TEST_CASE("CMYK JPEG follows the convention's formula", "[image][cpu]") {
  const std::uint8_t stored[4] = {128, 64, 200, 180};
  const Bytes file = testing::encode_cmyk_jpeg(8, 8, stored);
  const Image mxnet = decode(file).image, pillow = decode(file, kPillowOptions).image;
  for (std::size_t c = 0; c < 3; ++c) {
    CHECK(mxnet.rgb[c] == 180 - (((255 - stored[c]) * 180) >> 8));
    CHECK(pillow.rgb[c] == (stored[c] * 180 + 127) / 255);
  }
}

TEST_CASE("16-bit grey PNG is scaled by MXNet and clipped by Pillow", "[image][cpu]") {
  const Bytes file = testing::encode_grey16_png(3, 1, {0x0012, 0x00FF, 0x8034});
  CHECK(decode(file).image.rgb == Bytes{0, 0, 0, 0, 0, 0, 0x80, 0x80, 0x80});
  CHECK(decode(file, kPillowOptions).image.rgb ==
        Bytes{0x12, 0x12, 0x12, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF});
}

TEST_CASE("PNM levels are scaled by the largest value", "[image][cpu]") {
  CHECK(decode(bytes_of("P5 3 1 10\n\x01\x05\x0a")).image.rgb ==
        Bytes{26, 26, 26, 128, 128, 128, 255, 255, 255});
  CHECK(decode(bytes_of(std::string_view("P5 1 1 1000\n\x01\xf4", 14))).image.rgb ==
        Bytes{128, 128, 128});
}

TEST_CASE("an EXIF orientation is reported and not applied", "[image][cpu]") {
  const Image image = testing::test_picture(12, 5);
  const DecodedImage plain = decode(testing::encode_jpeg(image));
  CHECK(plain.orientation == 1);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const auto decoded = decode(testing::encode_jpeg(image, {.orientation = orientation}));
    CHECK(decoded.orientation == orientation);
    CHECK(decoded.image.rgb == plain.image.rgb);
  }
  CHECK(decode(testing::encode_jpeg(image, {.orientation = 9})).orientation == 1);
}

// A file without its last bytes is refused, unless those bytes do not matter to any pixel. With
// `lenient` it may be decoded, but not in silence.
TEST_CASE("a file cut anywhere is not taken for a whole one", "[image][cpu]") {
  for (const auto& [name, bytes] : one_of_each_kind()) {
    const Bytes whole = decode(bytes).image.rgb;
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      INFO(name << " cut to " << size << " of " << bytes.size() << " bytes");
      const Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
      for (const bool lenient : {false, true}) {
        std::optional<DecodedImage> decoded;
        try {
          decoded = decode(cut, {.lenient = lenient});
        } catch (const Error& error) {
          CHECK(error.code() == ErrorCode::kBadInput);
        }
        if (decoded && decoded->warnings.empty()) CHECK(decoded->image.rgb == whole);
        if (decoded && !lenient) CHECK(decoded->warnings.empty());
      }
    }
  }
}

TEST_CASE("a lenient reading keeps what is there", "[image][cpu]") {
  const Image image = testing::test_picture(16, 32);
  for (const Bytes& file : {testing::encode_jpeg(image), testing::encode_png(image),
                            testing::encode_bmp(image), testing::encode_ppm(image)}) {
    const Bytes cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(file.size() * 2 / 3));
    CHECK_FALSE(refusal(cut).empty());
    const DecodedImage decoded = decode(cut, {.lenient = true});
    CHECK(decoded.warnings.size() == 1);
    CHECK(decoded.image.rgb.size() == image.rgb.size());
  }
}

TEST_CASE("damage is noticed", "[image][cpu]") {
  Bytes png = testing::encode_png(testing::test_picture(9, 7));
  png[png.size() - 20] ^= 0x10;
  CHECK_FALSE(refusal(png).empty());

  const Bytes jpeg = testing::encode_jpeg(testing::test_picture(40, 40));
  Bytes hole = jpeg;
  hole.erase(hole.end() - 300, hole.end() - 100);
  CHECK_FALSE(refusal(hole).empty());
}

TEST_CASE("bytes after the picture do not matter", "[image][cpu]") {
  for (const auto& [name, bytes] : one_of_each_kind()) {
    INFO(name);
    Bytes longer = bytes;
    longer.insert(longer.end(), 100, 0x55);
    CHECK(decode(longer).image.rgb == decode(bytes).image.rgb);
  }
  Bytes padded = testing::encode_jpeg(testing::test_picture(9, 7));
  padded.insert(padded.end() - 2, 3, 0);
  CHECK(refusal(padded).empty());
  padded.insert(padded.end() - 2, 100, 0);
  CHECK_FALSE(refusal(padded).empty());
}

TEST_CASE("sizes are checked before anything is allocated", "[image][cpu]") {
  for (const auto& [name, bytes] : one_of_each_kind()) {
    INFO(name);
    CHECK(refusal(bytes, {.max_pixels = 62}).find("9 x 7 pixels; at most 62") != std::string::npos);
    CHECK(refusal(bytes, {.max_pixels = 63}).empty());
    CHECK(refusal(bytes, {.max_side = 8}).find("at most 8 a side") != std::string::npos);
    CHECK(refusal(bytes, {.max_side = 9}).empty());
  }
  Bytes bmp = testing::encode_bmp(testing::test_picture(9, 7));
  for (const std::size_t at : {18U, 22U}) {
    for (std::size_t i = 0; i < 4; ++i) bmp[at + i] = i == 3 ? 0x7F : 0xFF;
  }
  CHECK_FALSE(refusal(bmp).empty());
  CHECK_FALSE(refusal(bytes_of("P6 999999 999999 255\n")).empty());
  CHECK_FALSE(refusal(bytes_of("P6 99999999999999999999 1 255\n")).empty());
  CHECK_FALSE(refusal(bytes_of("P6 0 1 255\n")).empty());

  // A header of a large picture and hardly any data: not worth the memory.
  Bytes jpeg = testing::encode_jpeg(testing::test_picture(9, 7));
  const Bytes start_of_frame = {0xFF, 0xC0};
  const auto frame = std::ranges::search(jpeg, start_of_frame).begin();
  for (int i = 5; i < 9; ++i) frame[i] = i % 2 != 0 ? 0x30 : 0;
  CHECK(refusal(jpeg).find("cannot hold 12288 x 12288 pixels") != std::string::npos);
}

TEST_CASE("a JPEG without the scan of a component is refused", "[image][cpu]") {
  const Image image = testing::test_picture(16, 16);
  const Bytes whole = testing::encode_jpeg(image, {.scan_per_component = true});
  CHECK(decode(whole).image.rgb == decode(testing::encode_jpeg(image)).image.rgb);
  const Bytes start_of_scan = {0xFF, 0xDA};
  const auto last_scan = std::ranges::find_end(whole, start_of_scan).begin();
  Bytes two(whole.begin(), last_scan);
  two.insert(two.end(), {0xFF, 0xD9});
  CHECK(refusal(two).find("without component 2") != std::string::npos);
  CHECK(decode(two, {.lenient = true}).warnings.size() == 1);
}

TEST_CASE("a progressive JPEG with hundreds of scans is refused", "[image][cpu]") {
  const Bytes file = testing::encode_jpeg(testing::test_picture(16, 16), {.many_scans = true});
  CHECK(refusal(file).find("100 scans") != std::string::npos);
}

TEST_CASE("what is no image is refused with a reason", "[image][cpu]") {
  CHECK(refusal({}).find("empty") != std::string::npos);
  CHECK(refusal(bytes_of("This is not an image.\n")).find("not an image") != std::string::npos);
  CHECK(refusal(bytes_of("RIFF1234WEBPVP8 ")).find("WebP") != std::string::npos);
  CHECK(refusal(bytes_of("P3\n1 1\n255\n1 2 3\n")).find("P3") != std::string::npos);
  CHECK_FALSE(refusal(Bytes(1000, 0)).empty());
  CHECK_FALSE(refusal(bytes_of("\xff\xd8\xff\xd9")).empty());
}

}  // namespace nestor
