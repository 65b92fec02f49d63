#include "apps/bench/grid.h"

#include <charconv>

#include "engine/check.h"
#include "graphs/zoo.h"

namespace nestor::bench {

namespace {

// Replaces each cell by one for each value.
template <class Values, class Set>
void vary(std::vector<Cell>& cells, const Values& values, const Set& set) {
  std::vector<Cell> varied;
  for (const Cell& cell : cells) {
    for (const auto& value : values) set(varied.emplace_back(cell), value);
  }
  cells = std::move(varied);
}

int parse_side(std::string_view text, std::string_view whole) {
  int side = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), side);
  CHECK_AS(kUsage,
           error == std::errc() && end == text.data() + text.size() && side >= kSmallestInputSide &&
               side <= kLargestInputSide,
           "the size '{}', expected a side or HEIGHTxWIDTH, each from {} to {}", whole,
           kSmallestInputSide, kLargestInputSide);
  return side;
}

std::vector<Cell> models_of(const Grid& grid) {
  std::vector<Cell> cells;
  for (const std::string& network : grid.networks) {
    CHECK_AS(kUsage, find_network(network) != nullptr, "{}", unknown_network(network));
    cells.push_back({.network = network});
  }
  for (const std::string& weights : grid.weights) cells.push_back({.weights = weights});
  CHECK_AS(kUsage, !cells.empty(), "name networks with --network, or model files with --weights");
  return cells;
}

}  // namespace

Size parse_size(std::string_view text) {
  const std::size_t cross = text.find('x');
  if (cross == std::string_view::npos) {
    const int side = parse_side(text, text);
    return {side, side};
  }
  return {parse_side(text.substr(0, cross), text), parse_side(text.substr(cross + 1), text)};
}

std::vector<Cell> cells_of(const Grid& grid) {
  std::vector<Cell> cells = models_of(grid);
  vary(cells, grid.sizes, [](Cell& cell, const Size& size) { cell.size = size; });
  vary(cells, grid.batches, [](Cell& cell, int batch) { cell.batch = batch; });
  vary(cells, grid.devices, [](Cell& cell, const std::string& device) { cell.device = device; });
  vary(cells, grid.precisions,
       [](Cell& cell, const std::string& precision) { cell.precision = precision; });
  vary(cells, grid.threads, [](Cell& cell, int threads) { cell.threads = threads; });
  std::erase_if(cells, [&](const Cell& cell) {
    return cell.device.starts_with("cuda") && cell.threads != grid.threads.front();
  });
  std::vector<std::vector<std::string>> exclusions = {{}};
  if (!grid.without.empty()) exclusions.push_back(grid.without);
  vary(cells, exclusions, [](Cell& cell, const auto& names) { cell.without = names; });
  return cells;
}

}  // namespace nestor::bench
