#include <fmt/format.h>

#include <algorithm>

#include "apps/bench/published_table.h"
#include "apps/common/published.h"

namespace nestor::bench {

namespace {

Colour colour_of(std::string_view family) {
  if (family == "ResNeSt") return {200, 30, 30};
  return family == "EfficientNet" ? Colour{30, 70, 200} : Colour{170, 95, 0};
}

// "50" of "ResNeSt-50".
std::string short_name(const PublishedRow& row) {
  const std::size_t dash = row.name.find('-');
  return row.family == "SENet" ? row.name : row.name.substr(dash + 1);
}

// A curve a family, of the networks that `time` knows.
template <class Time>
void add_curves(std::vector<Curve>& curves, const std::string& setting, int style, Time&& time) {
  for (const PublishedRow& row : published_rows()) {
    const std::optional<double> ms = time(row);
    if (!ms) continue;
    auto curve = std::ranges::find_if(curves, [&](const Curve& other) {
      return other.family == row.family && other.setting == setting;
    });
    if (curve == curves.end()) {
      curve = curves.insert(
          curves.end(),
          Curve{row.family, setting, colour_of(row.family), style, row.family == "ResNeSt", {}});
    }
    curve->points.push_back({short_name(row), *ms, row.top1});
  }
}

}  // namespace

std::vector<Curve> curves_of(const PublishedTable& table) {
  std::vector<Curve> curves;
  add_curves(curves, fmt::format("published: {}", published_on()), 0,
             [](const PublishedRow& row) { return std::optional(row.ms); });
  int style = 0;
  for (const TableColumn& column : table.columns) {
    const std::string setting = fmt::format("{}: {}", column.how(), column.setting);
    add_curves(curves, setting, ++style, [&](const PublishedRow& row) -> std::optional<double> {
      const auto found = column.times.find(row.network);
      return found == column.times.end() ? std::nullopt : std::optional(found->second.ms);
    });
  }
  return curves;
}

}  // namespace nestor::bench
