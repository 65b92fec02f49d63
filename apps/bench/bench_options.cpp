#include "apps/bench/bench_options.h"

#include <map>

#include "apps/common/choices.h"
#include "apps/common/inputs.h"
#include "apps/common/tuning.h"
#include "engine/check.h"

namespace nestor::bench {

namespace {

constexpr int kMostImages = 65'536;  // in a batch
constexpr int kMostStreams = 64;
constexpr const char* kWhat = "What to measure (lists of values make a grid)";
constexpr const char* kHow = "How to measure";
constexpr const char* kResults = "Results";

template <class Value>
CLI::Option* add_list(CLI::App& app, const std::string& names, std::vector<Value>& values,
                      const std::string& help, const std::string& type) {
  return app.add_option(names, values, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name(type)
      ->group(kWhat);
}

void add_schedule(CLI::App& app, BenchOptions& options) {
  Schedule& schedule = options.measuring.schedule;
  app.add_option_function<double>(
         "--warm-up", [&](double seconds) { schedule.warm_up_ms = 1e3 * seconds; },
         "Seconds in which each row runs untimed, at least once")
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("SECONDS")
      ->default_str("0.2")
      ->group(kHow);
  app.add_option_function<double>(
         "--duration", [&](double seconds) { schedule.duration_ms = 1e3 * seconds; },
         "Seconds in which each row is timed")
      ->check(CLI::Range(0.0, 3600.0))
      ->type_name("SECONDS")
      ->default_str("3")
      ->group(kHow);
  app.add_option("--iterations", schedule.iterations, "Time each row at least so many times")
      ->capture_default_str()
      ->check(CLI::Range(1, 1'000'000))
      ->group(kHow);
  app.add_option("--rounds", schedule.rounds,
                 "Turns that the rows take, so that drift hits all of them alike")
      ->capture_default_str()
      ->check(CLI::Range(1, 10'000))
      ->group(kHow);
}

void add_result_options(CLI::App& app, BenchOptions& options) {
  const std::map<std::string, ResultFormat> formats{{"md", ResultFormat::kMarkdown},
                                                    {"csv", ResultFormat::kCsv},
                                                    {"json", ResultFormat::kJson},
                                                    {"jsonl", ResultFormat::kJsonl}};
  app.add_option_function<std::string>(
         "-o,--format",
         [&options, formats](const std::string& name) { options.format = formats.at(name); },
         "Format of the results: md, csv, json or jsonl")
      ->check(one_of({"md", "csv", "json", "jsonl"}))
      ->type_name("FORMAT")
      ->default_str("md")
      ->group(kResults);
  app.add_option("--output", options.output,
                 "Write the results to this file (default: standard output)")
      ->type_name("FILE")
      ->group(kResults);
}

}  // namespace

void add_running_options(CLI::App& app, BenchOptions& options) {
  add_list(app, "-b,--batch-size", options.grid.batches, "Images per batch", "N,...")
      ->check(CLI::Range(1, kMostImages))
      ->default_str(std::to_string(options.grid.batches.front()));
  add_list(app, "--precision", options.grid.precisions,
           "fp32, fp16 or tf32 (GPUs), bf16 (if the CPU has it); default: the device's own",
           "NAME,...");
  add_list(app, "--device", options.grid.devices, "auto, cpu, cuda or cuda:N", "DEVICE,...")
      ->default_str("auto");
  add_list(app, "-j,--threads", options.grid.threads,
           "CPU threads (default: the cores that this process may use)", "N,...")
      ->check(CLI::Range(1, kMaxThreads));
  add_schedule(app, options);
  WorkloadOptions& workload = options.measuring.workload;
  app.add_flag("--include-transfers", workload.transfers,
               "Count copies from and to the host among a GPU's times")
      ->group(kHow);
  app.add_flag("--deterministic", workload.deterministic,
               "Make an image's result independent of its batch, to the bit; slower on GPUs")
      ->group(kHow);
  app.add_option("--tuning", workload.tuning,
                 "Use this tuning file, or none (default: $NESTOR_TUNING, else tuning.json in the "
                 "cache folder)")
      ->type_name("FILE")
      ->group(kHow);
  add_memory_limits(app, workload.memory, kHow);
  add_result_options(app, options);
}

void add_grid_options(CLI::App& app, BenchOptions& options) {
  add_list(app, "-m,--network", options.grid.networks,
           "Networks with made-up weights, e.g. resnest50", "NAME,...");
  add_list(app, "--weights", options.grid.weights, "Model files written by nestor-convert",
           "FILE,...");
  app.add_option_function<std::vector<std::string>>(
         "--size",
         [&](const std::vector<std::string>& sizes) {
           options.grid.sizes.clear();
           for (const std::string& size : sizes) options.grid.sizes.push_back(parse_size(size));
         },
         "Input sizes in pixels, SIDE or HEIGHTxWIDTH (default: the network's)")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("SIZE,...")
      ->group(kWhat);
  add_running_options(app, options);
  add_list(app, "--without", options.grid.without,
           "Measure each row a second time with plans that do not use these variants",
           "VARIANT,...");
  app.add_option("--input", options.input,
                 "noise, or photos to run: a file, a folder, a quoted glob or @FILE")
      ->capture_default_str()
      ->type_name("INPUT")
      ->group(kWhat);
  app.add_option("--streams", options.measuring.workload.streams,
                 "Sessions of each row that run at once, each in a thread of its own")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostStreams))
      ->group(kHow);
  app.add_option(
         "--compare", options.compare,
         "Compare with this file of an earlier run (-o json or jsonl); exit with 1 if a row "
         "is slower beyond doubt")
      ->type_name("FILE")
      ->group(kResults);
  app.add_flag("--profile", options.profile, "Show each step's time, floor and variant")
      ->group(kResults);
  app.add_option("--trace", options.trace,
                 "Write the steps as a timeline for chrome://tracing or ui.perfetto.dev")
      ->type_name("FILE")
      ->group(kResults);
  app.add_flag(
         "--tune", options.tune,
         "Before measuring, time the candidates for each step on the GPU and keep the fastest "
         "in the tuning file")
      ->group(kHow);
  add_tune_options(app, options.tune_options, kHow);
  app.add_flag("--list-devices", options.list_devices, "List the devices of this machine and exit")
      ->group(kWhat);
  app.add_flag("--serve", options.serve,
               "Answer commands on standard input, for programs that time other engines beside it")
      ->group("");
}

void add_table_options(CLI::App& app, BenchOptions& options) {
  options.grid.batches = {16};
  add_running_options(app, options);
  app.add_option("--svg", options.svg, "Draw accuracy over latency into this file, as SVG")
      ->type_name("FILE")
      ->group(kResults);
  app.add_option("--png", options.png, "The same as PNG")->type_name("FILE")->group(kResults);
}

void add_compare_options(CLI::App& app, BenchOptions& options) {
  app.add_option("before", options.compare, "Results of the earlier run")
      ->type_name("BEFORE")
      ->required();
  app.add_option("after", options.compare_after, "Results of the later run")
      ->type_name("AFTER")
      ->required();
  add_result_options(app, options);
}

void complete(BenchOptions& options) {
  for (std::string& precision : options.grid.precisions) precision = canonical_precision(precision);
  if (options.input != "noise") {
    options.measuring.workload.photos = expand_inputs({options.input}).names;
  }
  CHECK_AS(kUsage, options.measuring.workload.photos != std::vector<std::string>{"-"},
           "photos come from files, not from standard input");
}

}  // namespace nestor::bench
