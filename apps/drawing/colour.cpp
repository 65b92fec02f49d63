#include "apps/drawing/colour.h"

#include <algorithm>
#include <cmath>

namespace nestor {

namespace {

constexpr double kGoldenRatio = 0.6180339887498949;

std::uint8_t level(double value) {
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
}

// Hue in turns; saturation and value 0 to 1.
Colour from_hsv(double hue, double saturation, double value) {
  const auto channel = [&](double turned) {
    const double distance = std::abs(std::fmod(hue + turned, 1.0) * 6 - 3) - 1;
    return level(value * (1 - saturation * (1 - std::clamp(distance, 0.0, 1.0))));
  };
  return {channel(0), channel(2.0 / 3), channel(1.0 / 3)};
}

// Of light, not of levels.
double luminance(Colour colour) {
  const auto linear = [](std::uint8_t channel) {
    const double c = channel / 255.0;
    return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
  };
  return 0.2126 * linear(colour.r) + 0.7152 * linear(colour.g) + 0.0722 * linear(colour.b);
}

}  // namespace

Colour class_colour(int class_id) {
  const double hue = std::fmod(class_id * kGoldenRatio, 1.0);
  const bool paler = (class_id / 8) % 2 != 0;  // hues come close to each other after 8
  return from_hsv(hue < 0 ? hue + 1 : hue, paler ? 0.55 : 0.85, paler ? 1.0 : 0.95);
}

Colour text_colour_on(Colour background) {
  // (1 + 0.05) / (l + 0.05) against (l + 0.05) / 0.05
  const double l = luminance(background) + 0.05;
  return 1.05 / l > l / 0.05 ? kWhite : kBlack;
}

}  // namespace nestor
