// The list of classes below an overlay: a colour, a name and a share of the pixels each, in columns.

#include <fmt/format.h>

#include <algorithm>

#include "apps/drawing/canvas.h"
#include "apps/drawing/class_overlay.h"
#include "apps/drawing/text.h"

namespace nestor {

namespace {

constexpr int kSmallestText = 12;
constexpr int kTextsPerColumn = 16;      // a column is that many times as wide as the text is high
constexpr Colour kFrame{128, 128, 128};  // sets off white

// Sizes in pixels for a picture. A narrow one gets a legend that is wider than itself.
struct Layout {
  Layout(const Image& picture, std::size_t num_entries)
      : text(std::max(kSmallestText, std::max(picture.width, picture.height) / 55)),
        row(text + text / 2),
        column(kTextsPerColumn * text),
        width(std::max(picture.width, column)),
        num_columns(width / column),
        num_rows((static_cast<int>(num_entries) + num_columns - 1) / num_columns),
        height(num_rows * row + text / 2) {}

  int text, row, column, width, num_columns, num_rows, height;
};

// `picture` at the top left of a larger one, white elsewhere.
Image extended(const Image& picture, int width, int height) {
  const auto bytes = [](int n) { return static_cast<std::size_t>(n) * 3; };
  Image larger{.width = width,
               .height = height,
               .rgb = std::vector<std::uint8_t>(bytes(width) * static_cast<std::size_t>(height),
                                                std::uint8_t{255})};
  for (int y = 0; y < picture.height; ++y) {
    const auto row = static_cast<std::size_t>(y);
    std::copy_n(picture.rgb.begin() + static_cast<std::ptrdiff_t>(row * bytes(picture.width)),
                bytes(picture.width),
                larger.rgb.begin() + static_cast<std::ptrdiff_t>(row * bytes(width)));
  }
  return larger;
}

std::string percentage(double share) {
  return share < 0.001 ? "<0.1%" : fmt::format("{:.1f}%", 100 * share);
}

void draw_entry(Canvas& canvas, int left, int top, const Layout& layout, const std::string& label,
                const ClassShare& entry, Colour colour) {
  const Rect swatch{left, top, left + layout.text, top + layout.text};
  canvas.fill(swatch, colour);
  canvas.frame(swatch, 1, kFrame);
  const int text_left = swatch.x2 + layout.text / 2;
  const std::string share = "  " + percentage(entry.share);
  const int room = left + layout.column - layout.text - text_left - text_width(share, layout.text);
  draw_text(canvas, text_left, top, text_within(label, layout.text, room) + share, layout.text,
            kBlack);
}

}  // namespace

Image with_legend(const Image& picture, const IndexImage& map, const Palette& palette,
                  std::span<const std::string> labels) {
  const std::vector<ClassShare> entries = class_shares(map);
  const Layout layout(picture, entries.size());
  Image result = extended(picture, layout.width, picture.height + layout.height);
  Canvas canvas(result);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto class_id = static_cast<std::size_t>(entries[i].class_id);
    const int column = static_cast<int>(i) / layout.num_rows;  // down the columns
    const int row = static_cast<int>(i) % layout.num_rows;
    const std::string label =
        class_id < labels.size() ? labels[class_id] : fmt::format("class {}", class_id);
    draw_entry(canvas, column * layout.column + layout.text / 2,
               picture.height + row * layout.row + layout.text / 2, layout, label, entries[i],
               palette.at(class_id));
  }
  return result;
}

}  // namespace nestor
