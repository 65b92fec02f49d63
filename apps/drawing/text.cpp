#include "apps/drawing/text.h"

#define STB_TRUETYPE_IMPLEMENTATION
#define STBTT_STATIC
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wconversion"
#include <stb/stb_truetype.h>
#pragma GCC diagnostic pop

#include <cmath>
#include <vector>

#include "apps/drawing/font/font_file.h"
#include "engine/check.h"
#include "engine/utf8.h"

namespace nestor {

namespace {

constexpr char32_t kReplacement = 0xFFFD;
constexpr std::string_view kEllipsis = "\u2026";

const stbtt_fontinfo& font() {
  static const stbtt_fontinfo info = [] {
    stbtt_fontinfo opened;
    CHECK(stbtt_InitFont(&opened, kFontFile.data(), 0) != 0, "the compiled-in font is not sound");
    return opened;
  }();
  return info;
}

// Takes the first character, or a byte that begins none, off `rest`.
char32_t next_character(std::string_view& rest) {
  const std::size_t size = utf8_character_bytes(rest);
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(rest[i]); };
  char32_t character = kReplacement;
  if (size == 1) {
    character = byte(0) >= 0x20 && byte(0) != 0x7F ? byte(0) : kReplacement;
  } else if (size > 1) {
    character = byte(0) & (0x7Fu >> size);
    for (std::size_t i = 1; i < size; ++i) character = character << 6 | (byte(i) & 0x3F);
  }
  rest.remove_prefix(std::max<std::size_t>(size, 1));
  return character;
}

int glyph_of(char32_t character) {
  const int glyph = stbtt_FindGlyphIndex(&font(), static_cast<int>(character));
  return glyph != 0 ? glyph : stbtt_FindGlyphIndex(&font(), static_cast<int>(kReplacement));
}

double advance(int glyph, double scale) {
  int width = 0, bearing = 0;
  stbtt_GetGlyphHMetrics(&font(), glyph, &width, &bearing);
  return scale * width;
}

double scale_for(int size) { return stbtt_ScaleForPixelHeight(&font(), static_cast<float>(size)); }

// The glyph with its origin at column `pen`, of which the fraction counts, on the row `baseline`.
void draw_glyph(Canvas& canvas, int glyph, double scale, double pen, int baseline, Colour colour) {
  const auto factor = static_cast<float>(scale);
  const auto column = static_cast<int>(std::floor(pen));
  const auto shift = static_cast<float>(pen - column);
  Rect box;
  stbtt_GetGlyphBitmapBoxSubpixel(&font(), glyph, factor, factor, shift, 0, &box.x1, &box.y1,
                                  &box.x2, &box.y2);
  if (box.width() <= 0 || box.height() <= 0) return;  // a space
  std::vector<unsigned char> covered(static_cast<std::size_t>(box.width()) *
                                     static_cast<std::size_t>(box.height()));
  stbtt_MakeGlyphBitmapSubpixel(&font(), covered.data(), box.width(), box.height(), box.width(),
                                factor, factor, shift, 0, glyph);
  std::size_t i = 0;
  for (int y = box.y1; y < box.y2; ++y) {
    for (int x = box.x1; x < box.x2; ++x) {
      canvas.blend(column + x, baseline + y, colour, covered[i++] / 255.0);
    }
  }
}

}  // namespace

int text_width(std::string_view text, int size) {
  const double scale = scale_for(size);
  double width = 0;
  while (!text.empty()) width += advance(glyph_of(next_character(text)), scale);
  return static_cast<int>(std::ceil(width));
}

void draw_text(Canvas& canvas, int left, int top, std::string_view text, int size, Colour colour) {
  const double scale = scale_for(size);
  int ascent = 0, descent = 0, gap = 0;
  stbtt_GetFontVMetrics(&font(), &ascent, &descent, &gap);
  const int baseline = top + static_cast<int>(std::lround(scale * ascent));
  double pen = left;
  while (!text.empty() && pen < canvas.width()) {
    const int glyph = glyph_of(next_character(text));
    draw_glyph(canvas, glyph, scale, pen, baseline, colour);
    pen += advance(glyph, scale);
  }
}

std::string text_within(std::string_view text, int size, int width) {
  if (text_width(text, size) <= width) return std::string(text);
  const double scale = scale_for(size);
  const double room = width - text_width(kEllipsis, size);
  double used = 0;
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view after = rest;
    used += advance(glyph_of(next_character(after)), scale);
    if (used > room) break;
    rest = after;
  }
  const std::size_t kept = text.size() - rest.size();
  return kept == 0 ? std::string() : std::string(text.substr(0, kept)) + std::string(kEllipsis);
}

}  // namespace nestor
