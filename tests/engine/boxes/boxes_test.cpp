// Boxes, anchors, levels and suppression: the arithmetic that decides what a detector finds.

#include <catch2/catch.hpp>
#include <limits>
#include <vector>

#include "engine/boxes/anchors.h"
#include "engine/boxes/kept_boxes.h"
#include "engine/boxes/ranking.h"
#include "engine/boxes/roi_level.h"
#include "tests/support/random.h"

namespace nestor {

namespace {

// On a grid, so that many overlaps are equal and some boxes have no area.
std::vector<Box> random_boxes(int count, std::uint64_t seed) {
  test::Random random(seed);
  std::vector<Box> boxes;
  for (int i = 0; i < count; ++i) {
    const auto x = static_cast<float>(4 * random.integer(0, 12));
    const auto y = static_cast<float>(4 * random.integer(0, 12));
    boxes.push_back({x, y, x + static_cast<float>(4 * random.integer(0, 6)),
                     y + static_cast<float>(4 * random.integer(0, 6))});
  }
  return boxes;
}

}  // namespace

TEST_CASE("anchors: those of the specification's table", "[boxes][cpu]") {
  CHECK(cell_anchors(4)[0] == Box{-22, -10, 25, 13});
  CHECK(cell_anchors(4)[2] == Box{-10, -22, 13, 25});
  CHECK(cell_anchors(8)[1] == Box{-28, -28, 35, 35});
  CHECK(cell_anchors(16)[0] == Box{-84, -40, 99, 55});
  CHECK(cell_anchors(32)[0] == Box{-164, -72, 195, 103});  // 22.5 rounds to even
  CHECK(cell_anchors(64)[2] == Box{-148, -328, 211, 391});
}

TEST_CASE("anchors: levels, rows, columns, ratios follow one another", "[boxes][cpu]") {
  const AnchorLevel levels[] = {{4, 3, 5}, {8, 2, 3}};
  CHECK(num_anchors(levels) == 63);
  const Box first = cell_anchors(4)[1];
  CHECK(anchor(levels, 1) == first);
  CHECK(anchor(levels, 4) == Box{first.x1 + 4, first.y1, first.x2 + 4, first.y2});
  CHECK(anchor(levels, 16) == Box{first.x1, first.y1 + 4, first.x2, first.y2 + 4});
  CHECK(anchor(levels, 45) == cell_anchors(8)[0]);
  const Box last = cell_anchors(8)[2];
  CHECK(anchor(levels, 62) == Box{last.x1 + 16, last.y1 + 8, last.x2 + 16, last.y2 + 8});
}

TEST_CASE("boxes: overlaps have no + 1, and boxes without area overlap nothing", "[boxes][cpu]") {
  CHECK(overlap({0, 0, 10, 10}, {0, 0, 10, 10}) == 1);
  CHECK(overlap({0, 0, 10, 10}, {5, 0, 15, 10}) == 50.0F / 150.0F);
  CHECK(overlap({0, 0, 10, 10}, {10, 0, 20, 10}) == 0);
  CHECK(overlap({0, 0, 10, 10}, {3, 3, 3, 8}) == 0);
  CHECK_FALSE(overlap({3, 3, 3, 8}, {3, 3, 3, 8}) > 0);  // 0 / 0
  CHECK(area({5, 5, 3, 3}) == 0);                        // of two negative sides
}

TEST_CASE("boxes: deltas move and stretch, to a limit", "[boxes][cpu]") {
  const float still[4] = {};
  CHECK(decode({2, 4, 10, 8}, still) == Box{2, 4, 10, 8});
  const float moved[4] = {0.5F, -1, 0, 0};
  CHECK(decode({2, 4, 10, 8}, moved) == Box{6, 0, 14, 4});
  const float tenth[4] = {10, 0, 0, 0};
  CHECK(decode({2, 4, 10, 8}, tenth, {0.1F, 0.2F}).x1 == Approx(10));
  const float huge[4] = {0, 0, 100, -100};
  const Box box = decode({0, 0, 1, 1}, huge);
  CHECK(box.x2 - box.x1 == Approx(std::exp(4.14)));
  CHECK(box.y2 - box.y1 == Approx(0).margin(1e-6));
  CHECK(clip({-3, 2, 70, 90}, 64, 48) == Box{0, 2, 64, 48});
}

TEST_CASE("boxes: levels go by the side with + 1", "[boxes][cpu]") {
  const auto level = [](float side) { return roi_level({10, 10, 9 + side, 9 + side}, 2, 5); };
  CHECK(level(224) == 4);
  CHECK(level(223.9F) == 3);
  CHECK(level(112) == 3);
  CHECK(level(111.5F) == 2);
  CHECK(level(448) == 5);
  CHECK(level(2000) == 5);
  CHECK(level(1) == 2);
  CHECK(roi_level({-1, -1, -1, -1}, 2, 5) == 2);
}

TEST_CASE("kept boxes: suppression is that of overlap(), box by box", "[boxes][cpu]") {
  for (const float threshold : {0.0F, 0.3F, 0.5F, 1.0F}) {
    for (const int count : {1, 15, 16, 17, 150}) {
      const std::vector<Box> boxes = random_boxes(count, 7);
      std::vector<float> memory(KeptBoxes::num_floats(count),
                                std::numeric_limits<float>::quiet_NaN());
      KeptBoxes kept(memory.data(), count);
      std::vector<Box> expected;
      for (const Box& box : boxes) {
        const bool stays = std::none_of(expected.begin(), expected.end(), [&](const Box& better) {
          return overlap(better, box) > threshold;
        });
        REQUIRE(kept.admits(box, threshold) == stays);
        if (!stays) continue;
        kept.add(box);
        expected.push_back(box);
      }
      CHECK(kept.size() == static_cast<std::int64_t>(expected.size()));
    }
  }
}

TEST_CASE("ranking: higher scores first, of equal ones the lower place", "[boxes][cpu]") {
  CHECK(rank_of(0.5F, 9) < rank_of(0.4F, 1));
  CHECK(rank_of(0.5F, 1) < rank_of(0.5F, 2));
  CHECK(rank_of(1.0F, 0xFFFFFFFF) < rank_of(std::nextafter(1.0F, 0.0F), 0));
  CHECK(place_of(rank_of(0.25F, 77)) == 77);
  CHECK(score_of(rank_of(0.25F, 77)) == 0.25F);
  CHECK(score_of(rank_of(0, 3)) == 0);
}

}  // namespace nestor
