#include "library/image_loader.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>

namespace nestor {

namespace {

PreparedImage load(std::size_t idx) {
  if (idx == 5) throw std::runtime_error("five");
  return {.width = static_cast<int>(idx)};
}

}  // namespace

TEST_CASE("images come in their order, whoever loads them", "[library][cpu]") {
  for (const std::size_t num_threads : {1, 3, 8}) {
    for (const std::size_t window : {0, 1, 2, 100}) {
      ImageLoader loader(50, window, num_threads, load);
      for (int i = 0; i < 50; ++i) {
        const std::optional<LoadedImage> image = loader.next();
        REQUIRE(image);
        CHECK((image->error != nullptr) == (i == 5));
        CHECK(image->prepared.width == (i == 5 ? 0 : i));
      }
      CHECK_FALSE(loader.next());
      CHECK_FALSE(loader.next());
    }
  }
}

TEST_CASE("a loader is never more than its window ahead", "[library][cpu]") {
  std::atomic<int> begun = 0;
  ImageLoader loader(100, 3, 4, [&](std::size_t idx) {
    ++begun;
    return load(idx);
  });
  for (int taken = 0; taken < 100; ++taken) {
    CHECK(begun <= taken + 3);
    loader.next();
  }
}

TEST_CASE("a loader that is left in the middle ends its threads", "[library][cpu]") {
  for (int i = 0; i < 20; ++i) {
    ImageLoader loader(1000, 5, 3, load);
    loader.next();
  }
  ImageLoader none(0, 4, 4, load);
  CHECK_FALSE(none.next());
}

}  // namespace nestor
