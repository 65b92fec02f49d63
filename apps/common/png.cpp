#include "apps/common/png.h"

#define STB_IMAGE_WRITE_IMPLEMENTATION
#define STB_IMAGE_WRITE_STATIC
#define STBI_WRITE_NO_STDIO
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image_write.h>
#pragma GCC diagnostic pop

#include <string>

#include "engine/atomic_file.h"
#include "engine/check.h"

namespace nestor {

void write_png(const std::filesystem::path& path, const Image& image) {
  std::string bytes;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data),
                                          static_cast<std::size_t>(size));
  };
  const int ok = stbi_write_png_to_func(append, &bytes, image.width, image.height, 3,
                                        image.rgb.data(), 3 * image.width);
  CHECK(ok != 0, "{}: cannot encode {} x {} pixels as PNG", path.string(), image.width,
        image.height);
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace nestor
