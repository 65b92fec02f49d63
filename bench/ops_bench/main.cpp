// Times single operators with each of their variants, on Google Benchmark:
//
//   nestor_ops_bench n1_c64_h56_w56_k128_r3_s3_g2_bias_relu --variants winograd4,onednn_blocked
//   nestor_ops_bench --network resnest50,senet_154 --batch-size 1,16 --benchmark_filter=^pooling
//   nestor_ops_bench --network resnest50 --device cuda --precision fp16 --benchmark_out=now.json
//
// Benchmarks are called OP/PROBLEM/VARIANT/DEVICE, so that compare.py finds the same ones in two files.
// Their repetitions are interleaved at random. --cold reads an array larger than the caches before each
// run, as weights lie in memory when a network runs with batch 1.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <set>
#include <string_view>

#include "apps/bench/machine_peaks.h"
#include "bench/ops_bench/case.h"
#include "engine/check.h"
#include "nestor/version.h"

namespace nestor::ops_bench {

namespace {

struct Options {
  std::vector<std::string> problems, variants, networks;
  std::vector<int> batches;  // none: 1 for networks, the problems' own
  std::string file, device = "cpu", precision;
  int threads = 2, size = 0;
  bool cold = false;
};

bool some_failed = false;  // Google Benchmark counts none

// What the machine does at best, in units a second; 0: unknown.
struct Peaks {
  double flops = 0, bytes = 0;
};

// A CPU's are measured (in float32 alone), a GPU's are of its data sheet.
Peaks peaks_of(Backend& backend, Precision precision, int threads) {
  if (backend.name() != "cpu") {
    const auto sheet = backend.peaks(precision);
    return sheet ? Peaks{1e6 * sheet->flops_per_us, 1e6 * sheet->bytes_per_us} : Peaks{};
  }
  static const Peaks measured{1e9 * peak_gflops(threads), 1e9 * read_gbytes(threads)};
  return {precision == Precision::kFp32 ? measured.flops : 0, measured.bytes};
}

void add_counters(benchmark::State& state, const Case& one, const Peaks& peaks, double seconds) {
  const double flops = one.flops() / seconds, bytes = one.bytes() / seconds;
  if (flops > 0) state.counters["GFLOP/s"] = 1e-9 * flops;
  state.counters["GB/s"] = 1e-9 * bytes;
  if (flops > 0 && peaks.flops > 0) state.counters["of_peak_flops"] = flops / peaks.flops;
  if (peaks.bytes > 0) state.counters["of_peak_bytes"] = bytes / peaks.bytes;
}

void run(benchmark::State& state, const Problem& problem, const std::string& variant,
         const Options& options, const Peaks& peaks) {
  try {
    Case one(problem, variant, options.device, options.threads);
    one.time();  // chooses what depends on the machine, touches all memory
    double seconds = 0;
    for (auto _ : state) {
      if (options.cold) flush_caches();
      const double once = 1e-3 * one.time();
      state.SetIterationTime(once);
      seconds += once;
    }
    add_counters(state, one, peaks, seconds / static_cast<double>(state.iterations()));
  } catch (const std::exception& error) {
    some_failed = true;
    state.SkipWithError(error.what());
  }
}

std::vector<Problem> all_problems(const Options& options, Backend& backend) {
  std::vector<Problem> problems;
  std::vector<std::string> texts = options.problems;
  if (!options.file.empty()) {
    for (std::string& line : read_lines(options.file)) texts.push_back(std::move(line));
  }
  const std::vector<int> own{0}, one{1};
  for (const int batch : options.batches.empty() ? own : options.batches) {
    for (const std::string& text : texts) problems.push_back(parse_problem(text, batch));
  }
  const Precision precision =
      options.precision.empty() ? backend.default_precision() : parse_precision(options.precision);
  backend.require(precision);
  for (const int batch : options.batches.empty() ? one : options.batches) {
    for (const std::string& network : options.networks) {
      for (Problem& problem :
           problems_of(network, batch, options.size, backend, precision, options.threads)) {
        problems.push_back(std::move(problem));
      }
    }
  }
  CHECK_AS(kUsage, !problems.empty(), "no problem is given: name some, or a --network");
  return problems;
}

bool is_wanted(const Options& options, const std::string& variant) {
  return options.variants.empty() ||
         std::ranges::find(options.variants, variant) != options.variants.end();
}

// Registers each problem with each variant that can do it. Both are kept by the benchmarks.
void register_all(const Options& options) {
  const std::unique_ptr<Backend> backend = open_backend(options.device);
  CHECK_AS(kUnsupported, backend->can_run(), "{} is a device for plans only", options.device);
  std::set<std::string> names;
  for (Problem& found : all_problems(options, *backend)) {
    const auto problem = std::make_shared<Problem>(std::move(found));
    const Peaks peaks = peaks_of(*backend, problem->precision, options.threads);
    for (const std::string& variant : variants_of(*problem, *backend, options.threads)) {
      if (!is_wanted(options, variant)) continue;
      std::string name = fmt::format("{}/{}/{}", problem->name, variant, options.device);
      if (backend->name() == "cpu") name += fmt::format("/{}_threads", options.threads);
      if (options.cold) name += "/cold";
      if (!names.insert(name).second) continue;  // networks share problems
      benchmark::RegisterBenchmark(
          name.c_str(),
          [=](benchmark::State& state) { run(state, *problem, variant, options, peaks); })
          ->UseManualTime()
          ->Unit(benchmark::kMicrosecond);
    }
  }
  CHECK_AS(kUsage, !names.empty(), "none of the variants can do any of the problems");
}

// The command's own options, of a line without those of Google Benchmark.
void add_options(CLI::App& app, Options& options) {
  app.add_option("problem", options.problems, "Convolutions, e.g. n1_c64_h56_w56_k64_r3_s3_relu");
  app.add_option("--problems", options.file, "Read problems from this file, one a line");
  app.add_option("--network", options.networks, "Time the steps of these networks")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--batch-size", options.batches, "Images per batch (default: 1, or the problem's)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Range(1, 65'536));
  app.add_option("--size", options.size, "Input of the networks, pixels a side (default: theirs)");
  app.add_option("--variants", options.variants, "Time only these (default: all)")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--precision", options.precision, "Of the networks (default: the device's own)");
  app.add_option("--threads", options.threads, "CPU threads")->capture_default_str();
  app.add_flag("--cold", options.cold, "Empty the caches before each run");
  app.footer(
      "Options of Google Benchmark, such as --benchmark_filter and --benchmark_out, go before "
      "or after.");
}

// What the command line does not say: short repetitions of all benchmarks, interleaved at random.
std::vector<char*> with_defaults(int argc, char** argv) {
  static std::string defaults[] = {"--benchmark_enable_random_interleaving=true",
                                   "--benchmark_repetitions=5", "--benchmark_min_time=0.05",
                                   "--benchmark_report_aggregates_only=true"};
  std::vector<char*> words = {argv[0]};
  for (std::string& word : defaults) words.push_back(word.data());
  words.insert(words.end(), argv + 1, argv + argc);
  return words;
}

// Google Benchmark would answer with its own options alone.
bool asks_for_help(int argc, char** argv) {
  return std::any_of(argv, argv + argc, [](std::string_view word) { return word == "--help"; });
}

int main_of(int argc, char** argv) {
  std::vector<char*> words = with_defaults(argc, argv);
  int count = static_cast<int>(words.size());
  Options options;
  CLI::App app("Time single operators with each of their variants.");
  add_options(app, options);
  if (!asks_for_help(argc, argv)) benchmark::Initialize(&count, words.data());
  CLI11_PARSE(app, count, words.data());
  benchmark::AddCustomContext("nestor", version_info().commit);
  benchmark::AddCustomContext("device", options.device);
  register_all(options);
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return some_failed ? 1 : 0;
}

}  // namespace

}  // namespace nestor::ops_bench

int main(int argc, char** argv) {
  try {
    return nestor::ops_bench::main_of(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "nestor_ops_bench: {}\n", error.what());
    return 1;
  }
}
