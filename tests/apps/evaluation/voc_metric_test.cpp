#include "apps/evaluation/voc_metric.h"

#include <catch2/catch.hpp>

using namespace nestor;

namespace {

constexpr CocoBox kBox{10, 10, 40, 40};
constexpr CocoBox kFar{500, 500, 40, 40};

CocoObject object(std::int64_t id, const CocoBox& box, bool difficult = false) {
  return {.id = id, .image_id = 1, .category_id = 1, .box = box, .area = 1, .difficult = difficult};
}

CocoDetection found(const CocoBox& box, double score) {
  return {.image_id = 1, .category_id = 1, .box = box, .score = score};
}

VocResult evaluated(std::vector<CocoObject> objects, const std::vector<CocoDetection>& detections) {
  const CocoAnnotations annotations{
      .images = {{1, ""}}, .categories = {{1, "cat"}}, .objects = std::move(objects)};
  return evaluate_voc(annotations, detections);
}

}  // namespace

TEST_CASE("VOC: the area below the curve, and the mean at 11 recalls", "[evaluation]") {
  const VocResult all = evaluated({object(1, kBox)}, {found(kBox, 0.5)});
  CHECK(all.ap == Approx(1));
  CHECK(all.ap07 == Approx(1));
  // Right, wrong, right: precision 1 up to a recall of 0.5, then 2 / 3.
  const VocResult mixed =
      evaluated({object(1, kBox), object(2, kFar)},
                {found(kBox, 0.9), found({200, 200, 9, 9}, 0.8), found(kFar, 0.7)});
  CHECK(mixed.ap == Approx(0.5 + 0.5 * 2 / 3));
  CHECK(mixed.ap07 == Approx((6 + 5 * 2.0 / 3) / 11));
  CHECK(evaluated({object(1, kBox)}, {}).ap == 0);
  CHECK(evaluated({}, {found(kBox, 0.5)}).ap == -1);
}

TEST_CASE("VOC: a second detection of an object is wrong, one of a difficult object nothing",
          "[evaluation]") {
  CHECK(evaluated({object(1, kBox), object(2, kFar)},
                  {found(kBox, 0.9), found(kBox, 0.8), found(kFar, 0.7)})
            .ap == Approx(0.5 + 0.5 * 2 / 3));
  const std::vector<CocoObject> objects = {object(1, kBox), object(2, kFar, /*difficult=*/true)};
  CHECK(evaluated(objects, {found(kFar, 0.9), found(kFar, 0.8), found(kBox, 0.7)}).ap == Approx(1));
  CHECK(evaluated({object(2, kFar, true)}, {found(kFar, 0.9)}).ap == -1);
}

TEST_CASE("VOC: a detection stands for the object that it overlaps most, taken or not",
          "[evaluation]") {
  // The second lies nearer to the first object, which is taken, though it overlaps the other by 0.6.
  const std::vector<CocoObject> objects = {object(1, {0, 0, 100, 100}),
                                           object(2, {0, 40, 100, 100})};
  const VocResult result =
      evaluated(objects, {found({0, 0, 100, 100}, 0.9), found({0, 15, 100, 100}, 0.8)});
  CHECK(result.ap == Approx(0.5));
}

TEST_CASE("VOC: an overlap equal to the least one suffices", "[evaluation]") {
  CHECK(evaluated({object(1, kBox)}, {found({10, 10, 20, 40}, 1)}).ap == Approx(1));
  CHECK(evaluated({object(1, kBox)}, {found({10, 10, 19.9, 40}, 1)}).ap == 0);
}
