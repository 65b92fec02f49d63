// Times whole networks of the zoo.
//
//   nestor_models_bench --network resnest50 --batch 1,16 --threads 2 [--profile]
//   nestor_models_bench --network resnest50 --compare winograd4,winograd2    the network with
//                                                   and without these variants, interleaved
//   nestor_models_bench --network resnest50 --weights FILE --serve
//
// Without --weights the weights are made up: plain random filters, unit batch norms.
// --serve keeps the session for other programs to time: a line "input FILE" reads float32 values,
// "run N" answers with pairs of milliseconds, "output FILE" writes the last logits. On a CPU there
// are N pairs, of the clock and of the processor; on a GPU one, of means over N runs: by the device
// with input and output in its memory, and by the clock with both on the host.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/device_runs.h"
#include "bench/made_up_weights.h"
#include "engine/check.h"
#include "engine/session_internals.h"
#include "graphs/zoo.h"

namespace nestor {

namespace {

using Clock = std::chrono::steady_clock;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

struct Options {
  std::string network = "resnest50";
  std::string weights, input;
  std::vector<int> batch = {1};
  int height = 0, width = 0;
  int threads = 2;
  std::string precision = "fp32", device = "cpu", tuning;
  double seconds = 3;
  bool profile = false, serve = false, json = false;
  std::vector<std::string> exclude, compare;
};

struct Timed {
  std::vector<double> ms;

  double median() const {
    std::vector<double> sorted = ms;
    std::ranges::sort(sorted);
    return sorted[sorted.size() / 2];
  }
  double min() const { return *std::ranges::min_element(ms); }
};

class Runner {
 public:
  Runner(const Options& options, std::vector<std::string> exclude,
         std::shared_ptr<const Model> model, const Shape& shape)
      : session_(std::move(model), {.precision = parse_precision(options.precision),
                                    .threads = options.threads,
                                    .excluded_variants = std::move(exclude),
                                    .tuning = options.tuning}),
        shape_(shape),
        input_(static_cast<std::size_t>(shape.num_elements())) {
    if (!options.input.empty()) {
      read_input(options.input);
      return;
    }
    std::mt19937 random(2);
    std::normal_distribution<float> values;
    for (float& value : input_) value = values(random);
  }

  TensorView input() const { return {{DType::kFloat32, shape_}, input_.data()}; }

  void read_input(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    file.read(reinterpret_cast<char*>(input_.data()),
              static_cast<std::streamsize>(input_.size() * sizeof(float)));
    CHECK_AS(kBadInput, file.good(), "{}: fewer than {} float32 values", path, input_.size());
  }

  double run() {
    const Clock::time_point start = Clock::now();
    outputs_ = session_.run(input());
    return ms_since(start);
  }

  // The outputs and the maps after each stage, copied.
  std::map<std::string, std::vector<float>> maps() {
    static const std::string kTaps[] = {"stem", "layer1", "layer2", "layer3", "layer4"};
    std::map<std::string, std::vector<float>> result;
    for (const Session::Output& output : session_.run(input(), kTaps)) {
      const auto* const data = output.tensor.as<float>();
      result[output.name] = {data, data + output.tensor.desc.shape.num_elements()};
    }
    return result;
  }

  const TensorView& logits() const { return outputs_[0].tensor; }
  Session& session() { return session_; }

 private:
  Session session_;
  Shape shape_;
  std::vector<float> input_;
  std::span<const Session::Output> outputs_;
};

// Largest and root mean square difference, over the standard deviation of the first.
nlohmann::json difference(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0, squares = 0, largest = 0, error = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double x = a[i], d = x - b[i];
    sum += x, squares += x * x, error += d * d, largest = std::max(largest, std::abs(d));
  }
  const auto n = static_cast<double>(a.size());
  const double deviation = std::sqrt(squares / n - sum / n * sum / n);
  return {{"largest", largest / deviation}, {"rms", std::sqrt(error / n) / deviation}};
}

void print_profile(Runner& runner, const Shape& shape, double seconds) {
  const Plan& plan = SessionInternals::plan(runner.session(), shape);
  std::vector<double> best(plan.steps.size(), 1e9);
  for (const Clock::time_point start = Clock::now(); ms_since(start) < 1000 * seconds;) {
    const Profile profile = SessionInternals::profile(runner.session(), runner.input());
    for (std::size_t i = 0; i < best.size(); ++i) best[i] = std::min(best[i], profile.step_ms[i]);
  }
  std::map<std::string, double> by_variant;
  double total = 0;
  for (std::size_t i = 0; i < best.size(); ++i) {
    const Step& step = plan.steps[i];
    total += best[i];
    by_variant[step.op + " " + step.variant] += best[i];
    const Buffer& dst = plan.buffers[static_cast<std::size_t>(step.outputs[0])];
    fmt::print("{:8.3f} ms {:7.1f} GFLOP/s {:6.1f} GB/s  {:28} {:32} {:24} {}\n", best[i],
               2e-6 * static_cast<double>(step.multiply_adds) / best[i],
               1e-6 * static_cast<double>(step.bytes) / best[i], step.name, step.variant,
               step.parameters, dst.shape.to_string());
  }
  for (const auto& [name, ms] : by_variant) {
    fmt::print("{:8.3f} ms {:5.1f} %  {}\n", ms, 100 * ms / total, name);
  }
  fmt::print("{:8.3f} ms in all (the best time of each step)\n", total);
}

void serve(Runner& runner, std::int64_t batch, const std::string& device) {
  std::optional<DeviceRuns> on_device;
  for (std::string line; std::getline(std::cin, line);) {
    const std::string command = line.substr(0, line.find(' '));
    const std::string argument = line.substr(std::min(line.size(), command.size() + 1));
    if (command == "run") {
      const int count = std::stoi(argument);
      std::vector<double> times;
      if (device != "cpu") {
        if (!on_device) on_device.emplace(device, runner.session(), runner.input());
        const double device_ms = on_device->ms(count);
        const Clock::time_point start = Clock::now();
        for (int i = 0; i < count; ++i) runner.run();
        times = {device_ms, ms_since(start) / count};
      }
      for (int i = device == "cpu" ? count : 0; i > 0; --i) {
        const std::clock_t start = std::clock();
        times.push_back(runner.run());
        times.push_back(1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC);
      }
      fmt::print("{}\n", fmt::join(times, " "));
    } else if (command == "input") {
      runner.read_input(argument);
      on_device.reset();
      fmt::print("ok\n");
    } else if (command == "output") {
      std::ofstream file(argument, std::ios::binary);
      file.write(runner.logits().as<char>(), static_cast<std::streamsize>(runner.logits().bytes()));
      fmt::print("ok {}\n", batch);
    } else {
      fail(ErrorCode::kUsage, "unknown command '{}'", line);
    }
    std::fflush(stdout);
  }
}

void bench(const Options& options, const Network& network, std::int64_t batch) {
  const Shape nominal = nominal_input(network);
  const Shape shape{batch, 3, options.height > 0 ? options.height : nominal[2],
                    options.width > 0 ? options.width : nominal[3]};
  const std::vector<std::byte> made =
      options.weights.empty() ? make_up_weights(parameters(network, {})) : std::vector<std::byte>{};
  const Clock::time_point start = Clock::now();
  auto model = std::make_shared<const Model>(
      [&](const Shape& input) { return build_graph(network, {}, input); }, shape,
      made.empty() ? WeightFile::open(options.weights) : WeightFile::parse(made, "made up"),
      options.device);
  Runner runner(options, options.exclude, model, shape);
  runner.run();
  const double first_ms = ms_since(start);
  if (options.serve) return serve(runner, batch, options.device);

  std::optional<Runner> other;
  if (!options.compare.empty()) {
    std::vector<std::string> exclude = options.exclude;
    exclude.insert(exclude.end(), options.compare.begin(), options.compare.end());
    other.emplace(options, exclude, model, shape);
    other->run();
  }
  Timed timed, other_timed;
  for (const Clock::time_point begin = Clock::now();
       ms_since(begin) < 1000 * options.seconds || timed.ms.size() < 3;) {
    timed.ms.push_back(runner.run() / static_cast<double>(batch));
    if (other) other_timed.ms.push_back(other->run() / static_cast<double>(batch));
  }
  nlohmann::json row = {{"network", network.name},
                        {"batch", batch},
                        {"height", shape[2]},
                        {"width", shape[3]},
                        {"threads", options.threads},
                        {"precision", options.precision},
                        {"ms_per_image", timed.median()},
                        {"min_ms_per_image", timed.min()},
                        {"runs", timed.ms.size()},
                        {"first_answer_ms", first_ms}};
  if (other) {
    row["without"] = options.compare;
    row["without_ms_per_image"] = other_timed.median();
    row["without_min_ms_per_image"] = other_timed.min();
    row["ratio_of_medians"] = other_timed.median() / timed.median();
    row["ratio_of_minima"] = other_timed.min() / timed.min();
    const auto with = runner.maps(), without = other->maps();
    for (const auto& [name, values] : without) {
      row["difference_over_std"][name] = difference(values, with.at(name));
    }
  }
  fmt::print("{}\n", row.dump());
  if (options.profile) print_profile(runner, shape, options.seconds);
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Times networks.");
  app.add_option("--network", options.network)->capture_default_str();
  app.add_option("--weights", options.weights, "safetensors file; made up where not given");
  app.add_option("--input", options.input, "file of float32 values; noise where not given");
  app.add_option("--batch", options.batch)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->capture_default_str();
  app.add_option("--height", options.height);
  app.add_option("--width", options.width);
  app.add_option("--threads", options.threads)->capture_default_str();
  app.add_option("--precision", options.precision)->capture_default_str();
  app.add_option("--device", options.device, "cpu, cuda or cuda:N")->capture_default_str();
  app.add_option("--tuning", options.tuning, "file of nestor-inspect --tune");
  app.add_option("--seconds", options.seconds, "of timing")->capture_default_str();
  app.add_option("--exclude", options.exclude, "variants not to use")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_option("--compare", options.compare, "also time without these variants")
      ->delimiter(',')
      ->allow_extra_args(false);
  app.add_flag("--profile", options.profile, "print each step's time");
  app.add_flag("--serve", options.serve, "answer commands on standard input");
  CLI11_PARSE(app, argc, argv);
  const Network* network = find_network(options.network);
  CHECK_AS(kUsage, network != nullptr, "there is no network '{}'", options.network);
  for (const int batch : options.batch) bench(options, *network, batch);
  return 0;
}

}  // namespace

}  // namespace nestor

int main(int argc, char** argv) {
  try {
    return nestor::main_of(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "nestor_models_bench: {}\n", error.what());
    return 1;
  }
}
