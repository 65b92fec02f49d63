#include "apps/drawing/picture_file.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <vector>

#include "apps/drawing/png.h"
#include "nestor/decode.h"
#include "nestor/error.h"
#include "tests/support/encode_image.h"
#include "tests/support/weight_files.h"

using namespace nestor;

TEST_CASE("pictures are read as they were written", "[drawing]") {
  const test::TemporaryFolder folder;
  const Image picture = testing::test_picture(37, 23);
  const auto read = [&](const char* name) {
    return decode_image_file((folder.path() / name).string(), {});
  };
  write_picture(folder.path() / "a.png", picture);
  CHECK(read("a.png").image.rgb == picture.rgb);
  write_picture(folder.path() / "no_extension", picture);
  CHECK(read("no_extension").format == "png");
  for (const char* const name : {"a.jpg", "b.JPEG"}) {
    write_picture(folder.path() / name, picture);
    const DecodedImage decoded = read(name);
    CHECK(decoded.format == "jpeg");
    REQUIRE(decoded.image.rgb.size() == picture.rgb.size());
    double difference = 0;
    for (std::size_t i = 0; i < picture.rgb.size(); ++i) {
      difference += std::abs(picture.rgb[i] - decoded.image.rgb[i]);
    }
    CHECK(difference / static_cast<double>(picture.rgb.size()) < 6);
  }
}

TEST_CASE("class maps are written as grey levels or as indices of a palette", "[drawing]") {
  const test::TemporaryFolder folder;
  const std::vector<std::uint8_t> classes = {0, 1, 2, 149, 150, 255};
  write_grey_png(folder.path() / "grey.png", classes, 3, 2);
  const Image grey = decode_image_file((folder.path() / "grey.png").string(), {}).image;
  REQUIRE(grey.width == 3);
  for (std::size_t i = 0; i < classes.size(); ++i) CHECK(grey.rgb[3 * i] == classes[i]);

  const Palette palette = load_palette("ade20k", 150);
  write_palette_png(folder.path() / "palette.png", classes, 3, 2, palette);
  const Image colours = decode_image_file((folder.path() / "palette.png").string(), {}).image;
  for (std::size_t i = 0; i < 4; ++i) {
    const Colour expected = palette[classes[i]];
    CHECK(Colour{colours.rgb[3 * i], colours.rgb[3 * i + 1], colours.rgb[3 * i + 2]} == expected);
  }
  CHECK(colours.rgb[12] == 0);  // beyond the palette
  CHECK_THROWS_AS(write_grey_png(folder.path() / "wrong.png", classes, 4, 2), Error);
}

TEST_CASE("a picture too large for JPEG is refused, and nothing is left behind", "[drawing]") {
  const test::TemporaryFolder folder;
  const Image wide{70'000, 1, std::vector<std::uint8_t>(210'000)};
  CHECK_THROWS_AS(write_picture(folder.path() / "wide.jpg", wide), Error);
  write_picture(folder.path() / "wide.png", wide);
  CHECK(!std::filesystem::exists(folder.path() / "wide.jpg"));
}
