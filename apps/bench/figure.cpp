#include "apps/bench/figure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "engine/check.h"

namespace nestor::bench {

namespace {

constexpr int kWidth = 900, kPlotHeight = 600;  // the legend is below
constexpr double kLeft = 70, kRight = kWidth - 25, kTop = 42, kBottom = kPlotHeight - 65;
constexpr Colour kGrid{215, 215, 215}, kAxis{60, 60, 60};
constexpr int kLegendLine = 24;

// From what is measured to where it is drawn.
class Axes {
 public:
  explicit Axes(std::span<const Curve> curves) {
    min_ms_ = max_ms_ = curves[0].points.at(0).ms;
    min_top1_ = max_top1_ = curves[0].points[0].top1;
    for (const Curve& curve : curves) {
      for (const CurvePoint& point : curve.points) {
        min_ms_ = std::min(min_ms_, point.ms), max_ms_ = std::max(max_ms_, point.ms);
        min_top1_ = std::min(min_top1_, point.top1), max_top1_ = std::max(max_top1_, point.top1);
      }
    }
    min_ms_ /= 1.3, max_ms_ *= 1.3;
    min_top1_ = std::floor(min_top1_ - 0.2), max_top1_ = std::ceil(max_top1_ + 0.2);
  }

  double x(double ms) const {
    return kLeft + (kRight - kLeft) * std::log(ms / min_ms_) / std::log(max_ms_ / min_ms_);
  }
  double y(double top1) const {
    return kBottom - (kBottom - kTop) * (top1 - min_top1_) / (max_top1_ - min_top1_);
  }

  // 1, 2 and 5 of each power of ten.
  std::vector<double> latencies() const {
    std::vector<double> ticks;
    for (double power = 1e-4; power < max_ms_; power *= 10) {
      for (const double tick : {power, 2 * power, 5 * power}) {
        if (tick >= min_ms_ && tick <= max_ms_) ticks.push_back(tick);
      }
    }
    return ticks;
  }
  std::vector<double> accuracies() const {
    std::vector<double> ticks;
    for (double top1 = min_top1_; top1 <= max_top1_; ++top1) ticks.push_back(top1);
    return ticks;
  }

 private:
  double min_ms_, max_ms_, min_top1_, max_top1_;
};

void draw_axes(Figure& figure, const Axes& axes) {
  for (const double ms : axes.latencies()) {
    figure.lines.push_back({axes.x(ms), kTop, axes.x(ms), kBottom, 1, kGrid});
    figure.texts.push_back(
        {axes.x(ms), kBottom + 16, fmt::format("{:g}", ms), 17, Anchor::kMiddle, kAxis});
  }
  for (const double top1 : axes.accuracies()) {
    figure.lines.push_back({kLeft, axes.y(top1), kRight, axes.y(top1), 1, kGrid});
    figure.texts.push_back(
        {kLeft - 8, axes.y(top1), fmt::format("{:g}", top1), 17, Anchor::kRight, kAxis});
  }
  figure.lines.push_back({kLeft, kTop, kLeft, kBottom, 2, kAxis});
  figure.lines.push_back({kLeft, kBottom, kRight, kBottom, 2, kAxis});
  figure.texts.push_back({(kLeft + kRight) / 2, kBottom + 44, "latency, milliseconds per image", 18,
                          Anchor::kMiddle, kBlack});
  figure.texts.push_back({8, 16, "top-1 accuracy on ImageNet, %", 18, Anchor::kLeft, kBlack});
}

void draw_curve(Figure& figure, const Axes& axes, const Curve& curve) {
  for (std::size_t i = 0; i < curve.points.size(); ++i) {
    const CurvePoint& point = curve.points[i];
    const double x = axes.x(point.ms), y = axes.y(point.top1);
    if (i > 0) {
      const CurvePoint& last = curve.points[i - 1];
      figure.lines.push_back({axes.x(last.ms), axes.y(last.top1), x, y, 2.5, curve.colour,
                              /*dashed=*/curve.style == 0});
    }
    figure.marks.push_back({x, y, curve.colour, curve.style});
    figure.texts.push_back({curve.labels_above ? x - 9 : x + 9,
                            curve.labels_above ? y - 12 : y + 12, point.label, 16,
                            curve.labels_above ? Anchor::kRight : Anchor::kLeft, curve.colour});
  }
}

// The first curve of each family, or of each setting.
std::vector<Curve> first_of_each(std::span<const Curve> curves, std::string Curve::*member) {
  std::vector<Curve> firsts;
  for (const Curve& curve : curves) {
    if (std::ranges::find(firsts, curve.*member, member) == firsts.end()) firsts.push_back(curve);
  }
  return firsts;
}

void draw_legend_entry(Figure& figure, double x, double y, const std::string& text, Colour colour,
                       int style) {
  figure.lines.push_back({x, y, x + 44, y, 2.5, colour, /*dashed=*/style == 0});
  figure.marks.push_back({x + 22, y, colour, style});
  figure.texts.push_back({x + 54, y, text, 17, Anchor::kLeft, kBlack});
}

// A line of families, by colour; then a line each of settings, by style.
void draw_legend(Figure& figure, std::span<const Curve> curves) {
  double x = kLeft, y = kPlotHeight + 10;
  for (const Curve& curve : first_of_each(curves, &Curve::family)) {
    draw_legend_entry(figure, x, y, curve.family, curve.colour, /*style=*/1);
    x += 230;
  }
  for (const Curve& curve : first_of_each(curves, &Curve::setting)) {
    y += kLegendLine;
    draw_legend_entry(figure, kLeft, y, curve.setting, kAxis, curve.style);
  }
  figure.height = static_cast<int>(y) + 20;
}

}  // namespace

Figure draw_curves(std::span<const Curve> curves) {
  CHECK(!curves.empty(), "a figure without curves");
  Figure figure{.width = kWidth};
  const Axes axes(curves);
  draw_axes(figure, axes);
  for (const Curve& curve : curves) draw_curve(figure, axes, curve);
  draw_legend(figure, curves);
  return figure;
}

}  // namespace nestor::bench
