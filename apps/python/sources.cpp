#include "apps/python/sources.h"

#include <nanobind/ndarray.h>

#include "apps/python/text.h"
#include "nestor/error.h"

namespace nestor::python {

namespace nb = nanobind;

namespace {

using Encoded = nb::ndarray<const std::uint8_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Pixels = nb::ndarray<const std::uint8_t, nb::shape<-1, -1, 3>, nb::c_contig, nb::device::cpu>;

constexpr std::size_t kMostPixelsASide = 65'535;

Image picture(const Pixels& pixels, std::size_t idx) {
  const std::size_t height = pixels.shape(0), width = pixels.shape(1);
  if (height == 0 || width == 0 || height > kMostPixelsASide || width > kMostPixelsASide) {
    throw Error(ErrorCode::kBadInput, "image " + std::to_string(idx) + ": " +
                                          std::to_string(width) + " x " + std::to_string(height) +
                                          " pixels, expected 1 to 65535 a side");
  }
  return {.width = static_cast<int>(width),
          .height = static_cast<int>(height),
          .rgb = {pixels.data(), pixels.data() + pixels.size()}};
}

}  // namespace

ImageSources::ImageSources(const nb::list& images) {
  sources_.reserve(images.size());
  for (std::size_t idx = 0; idx < images.size(); ++idx) add(images[idx], idx);
}

void ImageSources::add(const nb::handle& image, std::size_t idx) {
  if (Encoded encoded; nb::try_cast(image, encoded, /*convert=*/false)) {
    sources_.emplace_back(std::as_bytes(std::span(encoded.data(), encoded.size())));
  } else if (Pixels pixels; nb::try_cast(image, pixels, /*convert=*/false)) {
    sources_.emplace_back(&pictures_.emplace_back(picture(pixels, idx)));
  } else if (nb::isinstance<nb::str>(image)) {
    sources_.emplace_back(path_of(image));
  } else if (nb::isinstance<nb::bytes>(image)) {
    const auto bytes = nb::borrow<nb::bytes>(image);
    sources_.emplace_back(std::as_bytes(std::span(bytes.c_str(), bytes.size())));
  } else {
    throw Error(ErrorCode::kBadInput,
                "image " + std::to_string(idx) +
                    ": expected a path, an encoded image in bytes or uint8 [n], or pixels in "
                    "uint8 [height, width, 3]");
  }
}

}  // namespace nestor::python
