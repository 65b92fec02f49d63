#include "apps/drawing/boxes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "apps/drawing/label_layout.h"
#include "apps/drawing/text.h"

namespace nestor {

namespace {

constexpr double kHaloAlpha = 0.5;  // of the dark line that sets a frame off a bright photo
constexpr int kSmallestText = 12;

// Sizes in pixels for a picture.
struct Style {
  explicit Style(const Image& picture)
      : thickness(std::max(2, std::max(picture.width, picture.height) / 350)),
        text(std::max(kSmallestText, std::max(picture.width, picture.height) / 55)),
        padding(text / 6 + 1),
        max_label_width(picture.width - 2 * padding),
        has_labels(picture.height >= 6 * text && picture.width >= 8 * text) {}

  int thickness, text, padding, max_label_width;
  bool has_labels;
};

struct Item {
  const DrawnBox* drawn;
  Rect rect;
  std::string text;
};

// A coordinate as a column or row; those far outside the picture come close to it.
int pixel(float position, int size) {
  return static_cast<int>(std::lround(std::clamp(position, -16.0F, static_cast<float>(size) + 16)));
}

std::string label_text(const DrawnBox& box, const Style& style) {
  const std::string score = fmt::format("{:.2f}", box.score);
  const int room = style.max_label_width - text_width(" " + score, style.text);
  const std::string label = text_within(box.label, style.text, room);
  return label.empty() ? score : label + " " + score;
}

std::vector<Item> drawable(const Image& picture, std::span<const DrawnBox> boxes,
                           const Style& style) {
  std::vector<Item> items;
  for (const DrawnBox& box : boxes) {
    const float numbers[] = {box.x1, box.y1, box.x2, box.y2, box.score};
    if (!std::ranges::all_of(numbers, [](float x) { return std::isfinite(x); })) continue;
    const Rect rect{pixel(box.x1, picture.width), pixel(box.y1, picture.height),
                    pixel(box.x2, picture.width) + 1, pixel(box.y2, picture.height) + 1};
    if (rect.width() <= 0 || rect.height() <= 0) continue;
    items.push_back({&box, rect, style.has_labels ? label_text(box, style) : std::string()});
  }
  std::ranges::stable_sort(items, std::greater{}, [](const Item& i) { return i.drawn->score; });
  return items;
}

void draw_frame(Canvas& canvas, const Item& item, const Style& style) {
  const Rect& r = item.rect;
  const int halo = (style.thickness + 1) / 2;
  canvas.frame({r.x1 - halo, r.y1 - halo, r.x2 + halo, r.y2 + halo}, style.thickness + 2 * halo,
               kBlack, kHaloAlpha);
  canvas.frame(r, style.thickness, class_colour(item.drawn->class_id));
}

void draw_label(Canvas& canvas, const Item& item, const Rect& place, const Style& style) {
  const Colour colour = class_colour(item.drawn->class_id);
  canvas.fill(place, colour);
  draw_text(canvas, place.x1 + style.padding, place.y1 + style.padding / 2, item.text, style.text,
            text_colour_on(colour));
}

std::vector<LabelledBox> labelled(std::span<const Item> items, const Style& style) {
  std::vector<LabelledBox> boxes;
  for (const Item& item : items) {
    boxes.push_back({.box = item.rect,
                     .width = text_width(item.text, style.text) + 2 * style.padding,
                     .height = style.text + style.padding});
  }
  return boxes;
}

}  // namespace

void draw_boxes(Image& picture, std::span<const DrawnBox> boxes) {
  const Style style(picture);
  const std::vector<Item> items = drawable(picture, boxes, style);
  Canvas canvas(picture);
  for (std::size_t i = items.size(); i-- > 0;) draw_frame(canvas, items[i], style);
  if (!style.has_labels) return;
  const std::vector<Rect> places =
      place_labels(labelled(items, style), picture.width, picture.height);
  for (std::size_t i = items.size(); i-- > 0;) draw_label(canvas, items[i], places[i], style);
}

}  // namespace nestor
