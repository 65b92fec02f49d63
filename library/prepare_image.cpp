#include "library/prepare_image.h"

#include "engine/check.h"
#include "engine/image/picture_file.h"

namespace nestor {

namespace {

// For each form of a source.
struct Prepare {
  const Preprocess& preprocess;
  const std::int64_t max_pixels;
  std::string name;  // of what has none of its own

  PreparedImage operator()(const std::filesystem::path& path) const {
    const PictureFile file = PictureFile::read(path, *DecodeMemory::of_process());
    return decoded(file.bytes(), file.name());
  }

  PreparedImage operator()(std::span<const std::byte> bytes) const { return decoded(bytes, name); }

  PreparedImage operator()(const Image* image) const {
    CHECK_AS(kUsage, image != nullptr, "{} is null", name);
    const auto bytes = 3 * static_cast<std::size_t>(std::max(image->width, 0)) *
                       static_cast<std::size_t>(std::max(image->height, 0));
    CHECK_AS(kBadInput, bytes > 0 && image->rgb.size() == bytes,
             "{}: {} x {} pixels in {} bytes, expected {} bytes", name, image->width, image->height,
             image->rgb.size(), bytes);
    return {.name = name,
            .width = image->width,
            .height = image->height,
            .image = resize_and_crop(*image, preprocess, name),
            .warnings = {}};
  }

  PreparedImage decoded(std::span<const std::byte> bytes, const std::string& title) const {
    const DecodeOptions options{.convention = decoder_convention(preprocess.contract),
                                .max_pixels = max_pixels};
    const DecodedImage decoded = decode_image(bytes, title, options);
    return {.name = title,
            .width = decoded.image.width,
            .height = decoded.image.height,
            .image = resize_and_crop(decoded.image, preprocess, title),
            .warnings = decoded.warnings};
  }
};

}  // namespace

PreparedImage prepare_image(const ImageSource& source, std::size_t idx,
                            const Preprocess& preprocess, std::int64_t max_pixels) {
  return std::visit(Prepare{preprocess, max_pixels, fmt::format("image {}", idx)}, source);
}

}  // namespace nestor
