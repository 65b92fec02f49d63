#pragma once
// Text in the compiled-in font, one line at a time.

#include <string>
#include <string_view>

#include "apps/drawing/canvas.h"

namespace nestor {

// `size`: pixels from the top of the highest letters to the bottom of the lowest. Bytes that are not
// UTF-8, control characters and letters that the font lacks are drawn as U+FFFD.
int text_width(std::string_view text, int size);
void draw_text(Canvas& canvas, int left, int top, std::string_view text, int size, Colour colour);

// `text` if it is no wider than `width` pixels, else as much of its beginning as fits with an
// ellipsis; empty if nothing does.
std::string text_within(std::string_view text, int size, int width);

}  // namespace nestor
