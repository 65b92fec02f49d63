#include "apps/bench/row.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace nestor::bench {

namespace {

constexpr double kStableVariation = 0.05;  // of medians of rounds and of single runs
constexpr double kIdleCores = 0.15;
constexpr double kHostBound = 0.9;  // of the device's time

bool on_gpu(const Row& row) { return row.key.threads == 0; }

// The part of a run that is its latency. What is copied within a CPU's memory belongs to the run.
double RunTimes::*latency_part(const Row& row) {
  return on_gpu(row) && !row.key.transfers ? &RunTimes::compute_ms : &RunTimes::total_ms;
}

Statistics statistics_of_part(const Row& row, double RunTimes::*part) {
  return statistics_of(joined(times_of(row.samples, part)));
}

// The largest of the rounds' medians over the smallest.
double spread_of(const Rounds& rounds) {
  std::vector<double> medians;
  for (const auto& round : rounds) medians.push_back(median_of(round));
  const auto [low, high] = std::ranges::minmax(medians);
  return low > 0 ? high / low : 1;
}

}  // namespace

std::string to_string(const RowKey& key) {
  std::string text = fmt::format("{} {}x{}, batch {}, {}, {}", key.network, key.height, key.width,
                                 key.batch, key.precision, key.device);
  if (key.threads > 0)
    text += fmt::format(", {} thread{}", key.threads, key.threads == 1 ? "" : "s");
  if (key.streams > 1) text += fmt::format(", {} streams", key.streams);
  if (!key.weights.empty()) text += fmt::format(", {}", key.weights);
  if (!key.without.empty()) text += fmt::format(", without {}", fmt::join(key.without, ","));
  return text;
}

Figures figures_of(const Row& row) {
  Figures figures{.latency_rounds = times_of(row.samples, latency_part(row)),
                  .latency = statistics_of_part(row, latency_part(row)),
                  .upload = statistics_of_part(row, &RunTimes::upload_ms),
                  .compute = statistics_of_part(row, &RunTimes::compute_ms),
                  .download = statistics_of_part(row, &RunTimes::download_ms),
                  .enqueue = statistics_of_part(row, &RunTimes::enqueue_ms)};
  const auto runs = static_cast<double>(row.samples.num_runs());
  // A GPU without transfers and alone: by its own clock, as the host's includes the copies.
  const bool by_device = on_gpu(row) && !row.key.transfers && row.key.streams == 1;
  const double ms = by_device ? figures.latency.mean * runs : row.samples.measured_ms;
  if (ms > 0) figures.throughput = 1e3 * runs * row.key.batch / ms;
  figures.ms_per_image = figures.latency.median / row.key.batch;
  if (row.floor_ms && figures.compute.median > 0) {
    figures.floor_share = *row.floor_ms / figures.compute.median;
  }
  return figures;
}

std::vector<std::string> warnings_of(const Row& row, const Figures& figures) {
  std::vector<std::string> warnings;
  if (figures.enqueue.median > kHostBound * figures.compute.median) {
    warnings.push_back(fmt::format(
        "host-bound: the host takes {:.3f} ms to start what takes the device {:.3f} ms; larger "
        "batches or more streams would use the device better",
        figures.enqueue.median, figures.compute.median));
  }
  const double copies = figures.upload.median + figures.download.median;
  if (on_gpu(row) && copies > figures.compute.median) {
    warnings.push_back(
        fmt::format("transfers dominate: {:.3f} ms of copies for {:.3f} ms of computing", copies,
                    figures.compute.median));
  }
  if (const double spread = spread_of(figures.latency_rounds); spread > 1 + kStableVariation) {
    warnings.push_back(fmt::format(
        "unstable clock: the median of the slowest round is {:.2f} times that of the fastest",
        spread));
  }
  if (figures.latency.variation > kStableVariation) {
    warnings.push_back(fmt::format("unstable times: their coefficient of variation is {:.1f} %",
                                   100 * figures.latency.variation));
  }
  if (row.samples.others_cores > kIdleCores) {
    warnings.push_back(fmt::format("busy machine: other programs used {:.1f} cores meanwhile",
                                   row.samples.others_cores));
  }
  return warnings;
}

}  // namespace nestor::bench
