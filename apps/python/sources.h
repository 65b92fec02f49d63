#pragma once
// Images as Python gives them, as the library takes them.

#include <nanobind/nanobind.h>

#include <deque>
#include <span>
#include <vector>

#include "nestor/image.h"
#include "nestor/image_source.h"

namespace nestor::python {

// A list whose items are str (a path), bytes or uint8 [n] (an encoded image), or uint8 [h, w, 3]
// (pixels, which are copied: a resized picture is another one anyway). The list must outlive it.
class ImageSources {
 public:
  // Throws kBadInput for an item of another kind.
  explicit ImageSources(const nanobind::list& images);

  std::span<const ImageSource> get() const { return sources_; }

 private:
  void add(const nanobind::handle& image, std::size_t idx);

  std::deque<Image> pictures_;
  std::vector<ImageSource> sources_;
};

}  // namespace nestor::python
