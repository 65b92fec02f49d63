#include "apps/common/published.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

namespace nestor {

extern const std::string_view kPublishedJson;  // compiled in

namespace {

struct Table {
  std::string measured_on;
  std::vector<PublishedRow> rows;
};

const Table& table() {
  static const Table parsed = [] {
    const nlohmann::json document = nlohmann::json::parse(kPublishedJson);
    Table result{document.at("measured_on"), {}};
    for (const nlohmann::json& row : document.at("rows")) {
      result.rows.push_back({.network = row.at("network"),
                             .name = row.at("name"),
                             .family = row.at("family"),
                             .size = row.at("size"),
                             .top1 = row.at("top1"),
                             .ms = row.at("ms"),
                             .source = document.at("sources").at(std::string(row.at("source")))});
    }
    return result;
  }();
  return parsed;
}

}  // namespace

std::span<const PublishedRow> published_rows() { return table().rows; }

const std::string& published_on() { return table().measured_on; }

const PublishedRow* find_published(std::string_view network) {
  const auto found = std::ranges::find(table().rows, network, &PublishedRow::network);
  return found == table().rows.end() ? nullptr : &*found;
}

}  // namespace nestor
