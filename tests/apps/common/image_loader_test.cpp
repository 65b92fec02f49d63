#include "apps/common/image_loader.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>

namespace nestor {

namespace {

std::vector<std::string> numbers(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(std::to_string(i));
  return names;
}

LoadedImage load(const std::string& name) {
  if (name == "5") throw std::runtime_error("five");
  LoadedImage loaded;
  loaded.width = std::stoi(name);
  return loaded;
}

}  // namespace

TEST_CASE("images come in the order of their names, whoever loads them", "[apps][cpu]") {
  for (const std::size_t num_threads : {1, 3, 8}) {
    for (const std::size_t window : {0, 1, 2, 100}) {
      ImageLoader loader(numbers(50), window, num_threads, load);
      for (int i = 0; i < 50; ++i) {
        const std::optional<LoadedImage> image = loader.next();
        REQUIRE(image);
        CHECK(image->name == std::to_string(i));
        CHECK((image->error != nullptr) == (i == 5));
        CHECK(image->width == (i == 5 ? 0 : i));
      }
      CHECK_FALSE(loader.next());
      CHECK_FALSE(loader.next());
    }
  }
}

TEST_CASE("a loader is never more than its window ahead", "[apps][cpu]") {
  std::atomic<int> begun = 0;
  ImageLoader loader(numbers(100), 3, 4, [&](const std::string& name) {
    ++begun;
    return load(name);
  });
  for (int taken = 0; taken < 100; ++taken) {
    CHECK(begun <= taken + 3);
    loader.next();
  }
}

TEST_CASE("a loader that is left in the middle ends its threads", "[apps][cpu]") {
  for (int i = 0; i < 20; ++i) {
    ImageLoader loader(numbers(1000), 5, 3, load);
    loader.next();
  }
  ImageLoader none({}, 4, 4, load);
  CHECK_FALSE(none.next());
}

}  // namespace nestor
