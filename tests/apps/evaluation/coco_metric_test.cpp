// The figures of small cases that can be worked out by hand; tests/golden/compare_pycocotools.py
// compares with pycocotools.

#include "apps/evaluation/coco_metric.h"

#include <catch2/catch.hpp>

#include "apps/evaluation/coco_matching.h"

using namespace nestor;

namespace {

// One image and one category, both 1.
struct Scene {
  CocoAnnotations annotations{.images = {{1, ""}}, .categories = {{1, "cat"}}, .objects = {}};
  std::vector<CocoDetection> detections;

  Scene& object(const CocoBox& box, bool crowd = false, double area = -1) {
    const auto id = static_cast<std::int64_t>(annotations.objects.size()) + 1;
    annotations.objects.push_back({.id = id,
                                   .image_id = 1,
                                   .category_id = 1,
                                   .box = box,
                                   .area = area < 0 ? box[2] * box[3] : area,
                                   .crowd = crowd});
    return *this;
  }
  Scene& found(const CocoBox& box, double score) {
    detections.push_back({.image_id = 1, .category_id = 1, .box = box, .score = score});
    return *this;
  }
  double figure(std::string_view name) const {
    const CocoResult result = evaluate_coco(annotations, detections);
    for (std::size_t i = 0; i < kCocoFigures.size(); ++i) {
      if (kCocoFigures[i] == name) return result.figures[i];
    }
    FAIL("no figure " << name);
    return 0;
  }
};

constexpr CocoBox kBox{10, 10, 40, 40};
constexpr CocoBox kFar{500, 500, 40, 40};

}  // namespace

TEST_CASE("everything found exactly is 1, nothing found 0, nothing to find -1", "[evaluation]") {
  CHECK(Scene().object(kBox).found(kBox, 0.3).figure("AP") == Approx(1).margin(1e-12));
  CHECK(Scene().object(kBox).figure("AP") == 0);
  CHECK(Scene().object(kBox).figure("AR100") == 0);
  CHECK(Scene().found(kBox, 0.3).figure("AP") == -1);
  CHECK(Scene().object(kBox, /*crowd=*/true).found(kBox, 0.3).figure("AR1") == -1);
  CHECK(Scene().object(kBox).figure("APs") == -1);  // 1600 pixels are medium
}

TEST_CASE("a better detection of nothing halves the precision", "[evaluation]") {
  CHECK(Scene().object(kBox).found(kBox, 0.3).found(kFar, 0.4).figure("AP") == Approx(0.5));
  CHECK(Scene().object(kBox).found(kBox, 0.4).found(kFar, 0.3).figure("AP") == Approx(1));
}

TEST_CASE("an object is found once", "[evaluation]") {
  const Scene scene =
      Scene().object(kBox).object(kFar).found(kBox, 0.9).found(kBox, 0.8).found(kFar, 0.7);
  // Precision 1 up to a recall of 0.5, 51 of 101 places, then 2 / 3.
  CHECK(scene.figure("AP50") == Approx((51 + 50 * 2.0 / 3) / 101));
  CHECK(scene.figure("AR1") == Approx(0.5));
  CHECK(scene.figure("AR10") == Approx(1));
}

TEST_CASE("overlaps equal to a threshold match", "[evaluation]") {
  // 20 x 40 of 40 x 40: 0.5.
  const Scene half = Scene().object(kBox).found({10, 10, 20, 40}, 1);
  CHECK(half.figure("AP50") == Approx(1));
  CHECK(half.figure("AP") == Approx(0.1));
  const Scene three_quarters = Scene().object(kBox).found({10, 10, 30, 40}, 1);
  CHECK(three_quarters.figure("AP75") == Approx(1));
  CHECK(three_quarters.figure("AP") == Approx(0.6));
}

TEST_CASE("a crowd takes any number of detections, which do not count", "[evaluation]") {
  Scene scene;
  scene.object(kBox).object({400, 0, 300, 300}, /*crowd=*/true);
  for (int i = 0; i < 4; ++i) scene.found({420, 20, 50, 50}, 0.9);
  scene.found(kBox, 0.1);
  CHECK(scene.figure("AP") == Approx(1));
}

TEST_CASE("areas at a border belong to both ranges", "[evaluation]") {
  const Scene small = Scene().object({0, 0, 32, 32}).found({0, 0, 32, 32}, 1);
  CHECK(small.figure("APs") == Approx(1));
  CHECK(small.figure("APm") == Approx(1));
  CHECK(small.figure("APl") == -1);
  const Scene medium = Scene().object({0, 0, 96, 96}).found({0, 0, 96, 96}, 1);
  CHECK(medium.figure("APm") == Approx(1));
  CHECK(medium.figure("APl") == Approx(1));
  // The area of the outline decides, not that of the box.
  CHECK(Scene().object({0, 0, 96, 96}, false, 100).figure("APs") == 0);
}

TEST_CASE("of an image and a category 100 detections count", "[evaluation]") {
  Scene scene;
  scene.object(kBox);
  for (std::size_t i = 0; i < kMostDetections; ++i) scene.found(kFar, 0.9);
  CHECK(Scene(scene).found(kBox, 0.95).figure("AR100") == Approx(1));
  CHECK(Scene(scene).found(kBox, 0.5).figure("AR100") == 0);
  CHECK(Scene(scene).found(kBox, 0.9).figure("AR100") == 0);  // ties keep the order of the file
}

TEST_CASE("equal scores in several images follow the order of the image ids", "[evaluation]") {
  Scene scene;
  scene.annotations.images = {{1, ""}, {2, ""}};
  scene.object(kBox);
  scene.detections.push_back({.image_id = 2, .category_id = 1, .box = kBox, .score = 0.5});
  scene.found(kBox, 0.5);
  CHECK(scene.figure("AP") == Approx(1));
}

TEST_CASE("categories are averaged, and those without objects left out", "[evaluation]") {
  Scene scene = Scene().object(kBox).found(kBox, 0.5);
  scene.annotations.categories = {{1, "cat"}, {4, "dog"}, {6, "none"}};
  scene.annotations.objects.push_back(
      {.id = 9, .image_id = 1, .category_id = 4, .box = kFar, .area = 1600});
  scene.detections.push_back({.image_id = 1, .category_id = 6, .box = kFar, .score = 1});
  scene.detections.push_back({.image_id = 1, .category_id = 77, .box = kFar, .score = 1});
  CHECK(scene.figure("AP") == Approx(0.5));
  const CocoResult result = evaluate_coco(scene.annotations, scene.detections);
  REQUIRE(result.categories.size() == 3);
  CHECK(result.categories[0].ap == Approx(1));
  CHECK(result.categories[1].category_id == 4);
  CHECK(result.categories[1].ap == 0);
  CHECK(result.categories[2].ap == -1);
}

TEST_CASE("objects of images that are not listed need not be found", "[evaluation]") {
  Scene scene = Scene().object(kBox).found(kBox, 0.5);
  scene.annotations.objects.push_back(
      {.id = 9, .image_id = 3, .category_id = 1, .box = kFar, .area = 1600});
  CHECK(scene.figure("AP") == Approx(1));
}
