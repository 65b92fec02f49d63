#include "weights_convert/synthetic/random_weights.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/check.h"
#include "weights_convert/metadata.h"
#include "weights_convert/rename/name_table.h"
#include "weights_convert/synthetic/calibration.h"
#include "weights_convert/synthetic/values.h"

namespace nestor {

namespace {

// The statistics of few images over large maps suffice, but the attention's batch norms see one
// pixel an image.
constexpr int kNumImages = 6, kImageSide = 96;

// As in trained networks, the shortcut dominates: branches as strong as it would amplify rounding
// errors with depth.
constexpr double kLastGammaGain = 0.1;

ValueRule rule_of(std::string_view name) {
  const std::string_view parameter = name.substr(name.rfind('.') + 1);
  const std::optional<ValueRule> rule = parse_value_rule(parameter);
  CHECK(rule, "{}: no rule for such a parameter", name);
  return *rule;
}

// One octave of smooth noise at (y, x) in [0, 1): random values on a grid, interpolated.
double octave(const UnitSequence& unit, std::uint64_t plane, int cells, double y, double x) {
  const auto row = static_cast<std::uint64_t>(y * cells),
             column = static_cast<std::uint64_t>(x * cells);
  const double dy = y * cells - static_cast<double>(row),
               dx = x * cells - static_cast<double>(column);
  const auto points = static_cast<std::uint64_t>(cells) + 1;
  const auto at = [&](std::uint64_t r, std::uint64_t c) {
    return 2 * unit((plane * points + r) * points + c) - 1;
  };
  const double top = at(row, column) * (1 - dx) + at(row, column + 1) * dx;
  const double bottom = at(row + 1, column) * (1 - dx) + at(row + 1, column + 1) * dx;
  return top * (1 - dy) + bottom * dy;
}

// Normalised photos have a variance of about 1, most of it in large structures.
std::vector<float> calibration_images(const std::string& salt) {
  std::vector<float> images;
  const UnitSequence coarse(salt + "coarse"), middle(salt + "middle"), fine(salt + "fine");
  for (std::uint64_t plane = 0; plane < kNumImages * 3; ++plane) {
    for (int row = 0; row < kImageSide; ++row) {
      for (int column = 0; column < kImageSide; ++column) {
        const double y = static_cast<double>(row) / kImageSide;
        const double x = static_cast<double>(column) / kImageSide;
        images.push_back(static_cast<float>(2.0 * octave(coarse, plane, 4, y, x) +
                                            1.0 * octave(middle, plane, 16, y, x) +
                                            0.4 * octave(fine, plane, kImageSide, y, x)));
      }
    }
  }
  return images;
}

}  // namespace

Conversion convert_random(std::uint64_t seed, const std::filesystem::path& output,
                          const ConversionOptions& options) {
  const Network& network = require_network(options.network);
  const NetworkOptions sizes{options.num_classes.value_or(num_classes(network))};
  const std::string salt = fmt::format("{}:", seed);
  const std::string_view last_gamma = name_table(network).last_gamma;
  const WeightFunction fill = [&](std::string_view name, const Shape& shape, std::span<float> dst) {
    if (fill_fixed_gamma(network, name, dst)) return;
    const bool last = name.ends_with(last_gamma);
    fill_synthetic(rule_of(name), last ? std::optional(kLastGammaGain) : std::nullopt,
                   fmt::format("{}{}", salt, name), shape, dst);
  };
  NetworkOptions with_all = sizes;
  with_all.auxiliary = true;
  const Graph graph = build_graph(network, with_all, {kNumImages, 3, kImageSide, kImageSide});
  const auto statistics = batch_statistics(graph, fill, calibration_images(salt));

  ModelFacts facts{.network = &network,
                   .options = sizes,
                   .source = "synthetic",
                   .source_sha256 = {},
                   .labels = {},
                   .synthetic = true};
  if (options.labels) facts.labels = read_labels(*options.labels, facts.options.num_classes);
  std::vector<WeightFileWriter::Entry> entries;
  for (const Parameter& parameter : parameters(network, sizes)) {
    entries.push_back({parameter.name, DType::kFloat32, parameter.shape});
  }
  Conversion result{.source = facts.source, .source_sha256 = {}, .num_tensors = entries.size()};
  WeightFileWriter writer(output, std::move(entries), model_metadata(facts));
  std::vector<float> values;
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    const auto statistic = statistics.find(entry.name);
    if (statistic != statistics.end()) {
      writer.write(std::as_bytes(std::span(statistic->second)));
      continue;
    }
    values.resize(static_cast<std::size_t>(entry.shape.num_elements()));
    fill(entry.name, entry.shape, values);
    writer.write(std::as_bytes(std::span(values)));
  }
  writer.finish();
  result.output_bytes = written_bytes(output);
  return result;
}

}  // namespace nestor
