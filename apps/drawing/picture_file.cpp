#include "apps/drawing/picture_file.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include <algorithm>
#include <cctype>
#include <string>

#include "apps/drawing/png.h"
#include "engine/atomic_file.h"
#include "engine/check.h"

namespace nestor {

namespace {

constexpr int kJpegQuality = 92;  // above 90 colours have their full resolution: lines stay sharp
constexpr int kLargestJpegSide = 65'535;

bool is_jpeg(const std::filesystem::path& path) {
  std::string extension = path.extension().string();
  std::ranges::transform(extension, extension.begin(),
                         [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".jpg" || extension == ".jpeg";
}

void write_jpeg(const std::filesystem::path& path, const Image& image) {
  CHECK_AS(kUsage, std::max(image.width, image.height) <= kLargestJpegSide,
           "{}: {} x {} pixels do not fit a JPEG, which has {} a side", path.string(), image.width,
           image.height, kLargestJpegSide);
  std::string bytes;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                          static_cast<std::size_t>(size));
  };
  const int ok = stbi_write_jpg_to_func(append, &bytes, image.width, image.height, 3,
                                        image.rgb.data(), kJpegQuality);
  CHECK(ok != 0, "{}: cannot encode {} x {} pixels as JPEG", path.string(), image.width,
        image.height);
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace

void write_picture(const std::filesystem::path& path, const Image& image) {
  if (is_jpeg(path)) {
    write_jpeg(path, image);
  } else {
    write_png(path, image);
  }
}

}  // namespace nestor
