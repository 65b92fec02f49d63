// BMP, TGA and GIF by stb_image, compiled without its readers of other formats.
//
// stb_image takes files that end early for whole ones and fills the rest with what it finds. So it
// reads through callbacks that notice when something beyond the end is asked for, and its memory is
// zeroed.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/check.h"
#include "engine/image/internal/decoders.h"
#include "engine/image/internal/gif.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wtype-limits"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#define STB_IMAGE_IMPLEMENTATION
#define STB_IMAGE_STATIC
#define STBI_ONLY_BMP
#define STBI_ONLY_TGA
#define STBI_ONLY_GIF
#define STBI_NO_STDIO
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_ASSERT(condition) static_cast<void>(0)
#define STBI_MALLOC(size_bytes) std::calloc(1, size_bytes)
#define STBI_REALLOC(block, size_bytes) std::realloc(block, size_bytes)
#define STBI_FREE(block) std::free(block)
#include <stb/stb_image.h>
#pragma GCC diagnostic pop

namespace nestor::image {

namespace {

// BMP has up to 8 pixels in a byte, TGA a run of 128 in two; a GIF code of 12 bits can stand for
// 4096.
std::uint64_t pixels_per_byte(std::string_view format) {
  return format == "bmp" ? 8 : format == "tga" ? 64 : 4096;
}

// What stb_image reads from. It keeps a buffer of its own and asks to refill that with more than it
// needs; a refill that yields nothing, and any other short read, is a demand beyond the end.
class Input {
 public:
  explicit Input(std::span<const std::byte> bytes) : rest_(bytes) {}

  bool overrun() const { return overrun_; }

  static const stbi_io_callbacks& callbacks() {
    static constexpr stbi_io_callbacks kCallbacks = {
        [](void* self, char* data, int size) {
          return static_cast<Input*>(self)->read(data, size);
        },
        [](void* self, int size) { static_cast<Input*>(self)->skip(size); },
        [](void* self) { return static_cast<int>(static_cast<Input*>(self)->rest_.empty()); }};
    return kCallbacks;
  }

 private:
  int read(char* data, int size) {
    if (refill_buffer_ == nullptr) refill_buffer_ = data;  // the first call fills it
    const std::size_t wanted = static_cast<std::size_t>(size);
    const std::size_t count = std::min(wanted, rest_.size());
    if (count < wanted && (count == 0 || data != refill_buffer_)) overrun_ = true;
    if (count > 0) std::memcpy(data, rest_.data(), count);
    rest_ = rest_.subspan(count);
    return static_cast<int>(count);
  }

  void skip(int size) {
    const std::size_t wanted = static_cast<std::size_t>(std::max(size, 0));
    if (wanted > rest_.size()) overrun_ = true;
    rest_ = rest_.subspan(std::min(wanted, rest_.size()));
  }

  std::span<const std::byte> rest_;
  char* refill_buffer_ = nullptr;
  bool overrun_ = false;
};

std::string failure() {
  const char* reason = stbi_failure_reason();
  return reason != nullptr ? reason : "no picture in it";
}

struct Free {
  void operator()(stbi_uc* pixels) const { stbi_image_free(pixels); }
};

}  // namespace

bool looks_like_tga(std::span<const std::byte> bytes) {
  constexpr std::size_t kHeaderBytes = 18;
  if (bytes.size() < kHeaderBytes) return false;
  stbi__context context;
  stbi__start_mem(&context, reinterpret_cast<const stbi_uc*>(bytes.data()), kHeaderBytes);
  return stbi__tga_test(&context) != 0;
}

DecodedImage decode_with_stb(const Source& source, const char* format) {
  int width = 0, height = 0, channels = 0;
  Input header(source.bytes);
  CHECK_AS(kBadInput,
           stbi_info_from_callbacks(&Input::callbacks(), &header, &width, &height, &channels) != 0,
           "{}: not a {} file that can be read: {}", source.name, format, failure());
  DecodedImage decoded{.image = allocate(source, width, height, pixels_per_byte(format)),
                       .format = format};

  Input input(source.bytes);
  int decoded_width = 0, decoded_height = 0;
  const std::unique_ptr<stbi_uc, Free> pixels(stbi_load_from_callbacks(
      &Input::callbacks(), &input, &decoded_width, &decoded_height, &channels, 3));
  CHECK_AS(kBadInput, pixels != nullptr, "{}: not a {} file that can be read: {}", source.name,
           format, failure());
  CHECK_AS(kBadInput, decoded_width == width && decoded_height == height,
           "{}: {} header says {} x {} pixels, its data {} x {}", source.name, format, width,
           height, decoded_width, decoded_height);
  if (input.overrun()) {
    refuse_unless_lenient(source, decoded, fmt::format("the {} file ends early", format));
  } else if (decoded.format == "gif" && !gif_frame_is_complete(source.bytes)) {
    refuse_unless_lenient(source, decoded, "the data of the gif file's first frame end early");
  }
  std::memcpy(decoded.image.rgb.data(), pixels.get(), decoded.image.rgb.size());
  return decoded;
}

}  // namespace nestor::image
