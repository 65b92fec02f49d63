// The pictures of tests/engine/image/pictures against what Pillow and OpenCV make of them.

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/digest.h"
#include "nestor/decode.h"
#include "nestor/error.h"

namespace nestor {

namespace {

const std::filesystem::path kFolder =
    std::filesystem::path(NESTOR_SOURCE_DIR) / "tests/engine/image/pictures";

struct Row {
  std::string file, pillow, opencv;
};

std::vector<Row> expected_rows() {
  std::ifstream table(kFolder / "expected.tsv");
  std::vector<Row> rows;
  std::string line;
  std::getline(table, line);  // names of the columns
  while (std::getline(table, line)) {
    std::istringstream fields(line);
    Row row;
    REQUIRE(fields >> row.file >> row.pillow >> row.opencv);
    rows.push_back(row);
  }
  return rows;
}

// "refuses", or the hash of the pixels.
std::string outcome(const std::string& file, DecoderConvention convention) {
  try {
    const Image image = decode_image_file(kFolder / file, {.convention = convention}).image;
    return sha256_hex(std::as_bytes(std::span(image.rgb)));
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::kBadInput);
    return std::string("refuses: ") + error.what();
  }
}

}  // namespace

TEST_CASE("pictures of all kinds are as Pillow and OpenCV see them", "[image][cpu]") {
  const std::vector<Row> rows = expected_rows();
  CHECK(rows.size() >= 70);
  for (const Row& row : rows) {
    INFO(row.file);
    const std::string as_pillow = outcome(row.file, DecoderConvention::kPillow);
    const std::string as_opencv = outcome(row.file, DecoderConvention::kMxnet);
    if (row.pillow != "refuses") CHECK(as_pillow == row.pillow);
    if (row.opencv != "refuses") CHECK(as_opencv == row.opencv);
  }
}

TEST_CASE("stray bytes in a JPEG header and padding after its data are passed over with a warning",
          "[image][cpu]") {
  for (const char* file : {"junk_before_dqt.jpg", "junk_before_sos.jpg", "pad200_eoi.jpg"}) {
    INFO(file);
    const DecodedImage decoded = decode_image_file(kFolder / file, {});
    REQUIRE(decoded.warnings.size() == 1);
    CHECK(decoded.warnings[0].find("stray bytes") != std::string::npos);
  }
}

TEST_CASE("the orientation of a WebP file is reported", "[image][cpu]") {
  const DecodedImage stored = decode_image_file(kFolder / "orientation_6.webp", {});
  CHECK(stored.orientation == 6);
  CHECK(stored.format == "webp");
  const DecodedImage turned =
      decode_image_file(kFolder / "orientation_6.webp", {.apply_orientation = true});
  CHECK(turned.image.width == stored.image.height);
  CHECK(turned.image.height == stored.image.width);
}

}  // namespace nestor
