#include "library/c_images.h"

#include <cstddef>
#include <filesystem>
#include <span>

#include "engine/check.h"

namespace nestor {

namespace {

// Sizes in the first version of the interface: they never change, whatever the structs become.
constexpr std::size_t kImageBytes = 48;
constexpr std::size_t kImageResultBytes = 24;
static_assert(sizeof(nestor_image) == kImageBytes);
static_assert(sizeof(nestor_image_result) == kImageResultBytes);

Image pixels_of(const nestor_image& image, std::size_t idx) {
  CHECK_AS(kUsage, image.width > 0 && image.height > 0, "image {} of {} x {} pixels", idx,
           image.width, image.height);
  const auto bytes =
      static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height) * 3;
  return {image.width, image.height, {image.rgb, image.rgb + bytes}};
}

}  // namespace

Images images_of(const nestor_image* given, std::int32_t num_images) {
  need(num_images >= 0 && (given != nullptr || num_images == 0), "images");
  Images images;
  const auto count = static_cast<std::size_t>(num_images);
  images.pixels.resize(count);
  for (std::size_t i = 0; i < count; ++i) {
    const nestor_image* const at = struct_at(given, given->size, i);
    CHECK_AS(kUsage, at->size == given->size, "image {} of {} bytes after one of {}", i, at->size,
             given->size);
    const auto image = read_struct(*at, kImageBytes, "an image");
    const int forms = (image.path != nullptr) + (image.bytes != nullptr) + (image.rgb != nullptr);
    CHECK_AS(kUsage, forms == 1, "image {} is given in {} forms, expected a path, bytes or rgb", i,
             forms);
    if (image.path != nullptr) {
      images.sources.emplace_back(std::filesystem::path(image.path));
    } else if (image.bytes != nullptr) {
      images.sources.emplace_back(
          std::span(static_cast<const std::byte*>(image.bytes), image.num_bytes));
    } else {
      images.pixels[i] = pixels_of(image, i);
      images.sources.emplace_back(&images.pixels[i]);
    }
  }
  return images;
}

void check_results(const nestor_image_result* results, std::int32_t num_images) {
  if (results == nullptr || num_images == 0) return;
  check_size<nestor_image_result>(results->size, kImageResultBytes, "an image's result");
}

}  // namespace nestor
