#include <fmt/format.h>

#include <iterator>

#include "apps/bench/figure.h"

namespace nestor::bench {

namespace {

std::string hex(Colour colour) {
  return fmt::format("#{:02x}{:02x}{:02x}", colour.r, colour.g, colour.b);
}

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '&') {
      result += "&amp;";
    } else if (c == '<') {
      result += "&lt;";
    } else {
      result += c;
    }
  }
  return result;
}

const char* anchor_name(Anchor anchor) {
  if (anchor == Anchor::kLeft) return "start";
  return anchor == Anchor::kMiddle ? "middle" : "end";
}

std::string mark_element(const DrawnMark& mark) {
  const std::string colour = hex(mark.colour);
  if (mark.style == 0) {
    return fmt::format(
        R"(<circle cx="{:.1f}" cy="{:.1f}" r="4.5" fill="white" stroke="{}" stroke-width="2"/>)",
        mark.x, mark.y, colour);
  }
  if (mark.style % 2 == 1) {
    return fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="5" fill="{}"/>)", mark.x, mark.y,
                       colour);
  }
  return fmt::format(R"(<rect x="{:.1f}" y="{:.1f}" width="9" height="9" fill="{}"/>)",
                     mark.x - 4.5, mark.y - 4.5, colour);
}

}  // namespace

std::string to_svg(const Figure& figure) {
  std::string svg = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" "
      "height=\"{1}\" font-family=\"DejaVu Sans Condensed, DejaVu Sans, Verdana, sans-serif\" "
      "font-weight=\"bold\">\n<rect width=\"{0}\" height=\"{1}\" fill=\"white\"/>\n",
      figure.width, figure.height);
  for (const DrawnLine& line : figure.lines) {
    fmt::format_to(std::back_inserter(svg),
                   "<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"{}\" "
                   "stroke-width=\"{:g}\"{}/>\n",
                   line.x1, line.y1, line.x2, line.y2, hex(line.colour), line.thickness,
                   line.dashed ? " stroke-dasharray=\"8 5\"" : "");
  }
  for (const DrawnMark& mark : figure.marks) svg += mark_element(mark) + "\n";
  for (const DrawnText& text : figure.texts) {
    // A line of the font is 1.17 times as high as its size.
    fmt::format_to(std::back_inserter(svg),
                   "<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:.1f}\" text-anchor=\"{}\" "
                   "dominant-baseline=\"central\" fill=\"{}\">{}</text>\n",
                   text.x, text.y, text.size / 1.17, anchor_name(text.anchor), hex(text.colour),
                   escaped(text.text));
  }
  return svg + "</svg>\n";
}

}  // namespace nestor::bench
