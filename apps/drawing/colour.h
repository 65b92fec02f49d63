#pragma once
// Colours of classes and of what is written on them.

#include <cstdint>

namespace nestor {

struct Colour {
  std::uint8_t r = 0, g = 0, b = 0;
  bool operator==(const Colour&) const = default;
};

inline constexpr Colour kBlack{0, 0, 0}, kWhite{255, 255, 255};

// A bright colour of the class's own. Those of classes with neighbouring numbers differ most.
Colour class_colour(int class_id);

// Black or white, whichever is easier to read on `background` (by the contrast ratio of WCAG 2).
Colour text_colour_on(Colour background);

}  // namespace nestor
