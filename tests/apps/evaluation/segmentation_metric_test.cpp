#include "apps/evaluation/segmentation_metric.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "apps/drawing/png.h"
#include "apps/evaluation/class_map_file.h"
#include "nestor/error.h"
#include "tests/support/encode_image.h"
#include "tests/support/weight_files.h"

using namespace nestor;
using Catch::Matchers::Contains;

namespace {

IndexImage map(int width, int height, std::vector<std::uint8_t> classes) {
  return {width, height, std::move(classes)};
}

std::string refusal(const IndexImage& predictions, const IndexImage& labels) {
  SegmentationMetric metric(3);
  const auto [code, message] =
      test::error_of([&] { metric.add(predictions, "predicted.png", labels, "label.png"); });
  CHECK(code == ErrorCode::kBadInput);
  CHECK(metric.figures().pixel_accuracy == 0);  // nothing was counted
  return message;
}

}  // namespace

TEST_CASE("pixels without a label do not count, classes that never occur count 0", "[evaluation]") {
  SegmentationMetric metric(4);
  // Labels 1, 1, 2, 2, none, none; taken for classes 0, 1, 1, 1, 1, 3.
  metric.add(map(3, 2, {0, 1, 1, 1, 1, 3}), "p", map(3, 2, {1, 1, 2, 2, 0, 0}), "l");
  const SegmentationFigures figures = metric.figures();
  CHECK(figures.pixel_accuracy == Approx(0.75).epsilon(1e-12));
  CHECK(figures.class_iou[0] == Approx(0.5).epsilon(1e-12));
  CHECK(figures.class_iou[1] == Approx(2.0 / 3).epsilon(1e-12));
  CHECK(figures.class_iou[2] == 0);
  CHECK(figures.class_iou[3] == 0);
  CHECK(figures.mean_iou == Approx((0.5 + 2.0 / 3) / 4).epsilon(1e-12));
  CHECK(figures.labelled_pixels == std::vector<std::int64_t>{2, 2, 0, 0});
  CHECK(metric.count(0, 1) == 1);
  CHECK(metric.count(1, 1) == 2);
}

TEST_CASE("counts add up over images of different sizes", "[evaluation]") {
  SegmentationMetric metric(2);
  metric.add(map(1, 1, {0}), "p", map(1, 1, {1}), "l");
  metric.add(map(2, 1, {1, 1}), "p", map(2, 1, {1, 2}), "l");
  CHECK(metric.figures().pixel_accuracy == Approx(2.0 / 3));
  CHECK(SegmentationMetric(2).figures().mean_iou == 0);  // no images at all
}

TEST_CASE("errors name file, pixel and value", "[evaluation]") {
  CHECK(refusal(map(2, 2, {0, 1, 2, 0}), map(2, 2, {0, 1, 2, 4})) ==
        "label.png: pixel (1, 1) is 4, expected 0 to 3");
  CHECK(refusal(map(2, 2, {0, 1, 3, 0}), map(2, 2, {0, 0, 0, 0})) ==
        "predicted.png: pixel (0, 1) is 3, expected 0 to 2");
  CHECK(refusal(map(2, 1, {0, 1}), map(1, 2, {0, 1})) ==
        "predicted.png: 2 x 1 pixels, the label label.png has 1 x 2");
}

TEST_CASE("class maps are read as their files store them", "[evaluation]") {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "map.png").string();
  const std::vector<std::uint8_t> classes = {0, 1, 2, 150, 254, 255};
  write_grey_png(path, classes, 2, 3);
  CHECK(read_class_map(path).classes == classes);
  CHECK(read_class_map(path).width == 2);
  write_palette_png(path, classes, 3, 2, load_palette("voc", 21));
  CHECK(read_class_map(path).classes == classes);
}

TEST_CASE("pictures that are no class maps are refused", "[evaluation]") {
  const auto refused = [](const testing::Bytes& bytes) {
    const auto [code, message] =
        test::error_of([&] { read_class_map(std::as_bytes(std::span(bytes)), "map.png"); });
    CHECK(code == ErrorCode::kBadInput);
    return message;
  };
  const Image picture = testing::test_picture(8, 8);
  CHECK_THAT(refused(testing::encode_png(picture)), Contains("map.png: not a PNG of classes"));
  CHECK_THAT(refused(testing::encode_grey16_png(2, 1, {1, 2})), Contains("one channel"));
  CHECK_THAT(refused(testing::encode_jpeg(picture)), Contains("not a PNG of classes"));
  CHECK_THAT(refused({}), Contains("ends early"));
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "map.png").string();
  write_grey_png(path, std::vector<std::uint8_t>(64 * 64, 7), 64, 64);
  std::ifstream in(path, std::ios::binary);
  testing::Bytes bytes{std::istreambuf_iterator<char>(in), {}};
  bytes.resize(bytes.size() - 20);
  CHECK_THAT(refused(bytes), Contains("map.png: "));
}
