// Times single convolutions on the CPU device, variants of one interleaved.
//
//   nestor_ops_bench --variants winograd4,onednn_blocked n1_c64_h56_w56_k128_r3_s3_g2_bias_relu
//   nestor_ops_bench --problems bench/problems/resnest50.txt --cold
//   nestor_ops_bench --machine
//
// Problems: see engine/ops/convolution/problem.h. --cold reads an array larger than the caches
// before each run, as weights lie in memory when a network runs with batch 1.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <random>

#include "apps/bench/machine_peaks.h"
#include "apps/bench/made_up_weights.h"
#include "engine/backend.h"
#include "engine/check.h"
#include "engine/ops/convolution/problem.h"

namespace nestor {

namespace {

struct Options {
  std::vector<std::string> problems, variants = {"winograd4", "winograd2", "onednn_blocked"};
  std::string file;
  int threads = 2;
  int batch = 0;
  double seconds = 1;
  bool cold = false, machine = false;
};

Graph graph_of(const ConvolutionProblem& problem) {
  GraphBuilder builder;
  std::vector<ValueId> inputs = {builder.input("src", {DType::kFloat32, problem.src}),
                                 builder.weight("weight", problem.weight)};
  if (problem.params.has_bias) inputs.push_back(builder.weight("bias", {problem.weight[0]}));
  if (problem.params.has_residual) {
    inputs.push_back(builder.input("residual", {DType::kFloat32, problem.dst}));
  }
  builder.output("dst", builder.add(convolution_op(), problem.params, inputs, "conv"));
  return builder.finish();
}

// One variant of a convolution with its buffers.
class Case {
 public:
  Case(const ConvolutionProblem& problem, const std::string& variant, int threads)
      : name_(variant), graph_(graph_of(problem)), backend_(open_backend("cpu")) {
    const std::vector<BufferFormat> available(4);
    choice_ = backend_->choose({.graph = graph_,
                                .node = graph_.nodes[0],
                                .available = available,
                                .precision = problem.precision,
                                .threads = threads,
                                .forced_variant = variant});
    if (choice_.kernel == nullptr) return;
    if (!choice_.variant.empty() && choice_.variant != variant) name_ += " " + choice_.variant;
    context_ = backend_->make_context(threads);
    std::vector<Parameter> parameters;
    for (const Value& value : graph_.values) {
      if (value.kind == Value::Kind::kWeight) parameters.push_back({value.name, value.desc.shape});
    }
    const std::vector<std::byte> file = make_up_weights(parameters);
    const WeightStore store(WeightFile::parse(file, "made up"));
    {
      const ExecutionContext::Scope scope(*context_);
      choice_.kernel->load(Constants(graph_, store), graph_.nodes[0].inputs);
    }
    StepPointers pointers;
    for (std::size_t i = 0; i < choice_.inputs.size(); ++i) {
      const Value& value = graph_.value(graph_.nodes[0].inputs[i]);
      pointers.inputs.push_back(is_constant(value) ? nullptr
                                                   : buffer(value.desc.shape, choice_.inputs[i]));
    }
    pointers.outputs.push_back(
        choice_.inplace_input >= 0
            ? pointers.inputs[static_cast<std::size_t>(choice_.inplace_input)]
            : buffer(problem.dst, choice_.outputs[0]));
    memory_.push_back(backend_->allocate(choice_.workspace_bytes));
    pointers.workspace = memory_.back().get();
    choice_.kernel->bind(pointers);
  }

  const std::string& name() const { return name_; }
  bool exists() const { return choice_.kernel != nullptr; }

  void time() {
    const ExecutionContext::Scope scope(*context_);
    const auto start = std::chrono::steady_clock::now();
    choice_.kernel->run(*context_);
    ms_.push_back(
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
            .count());
  }

  double median() {
    std::ranges::sort(ms_);
    return ms_[ms_.size() / 2];
  }
  double min() const { return *std::ranges::min_element(ms_); }

 private:
  void* buffer(const Shape& shape, BufferFormat format) {
    const std::size_t bytes = backend_->buffer_bytes(shape, format);
    memory_.push_back(backend_->allocate(bytes));
    if (format.dtype == DType::kFloat32) {
      auto* const values = static_cast<float*>(memory_.back().get());
      std::mt19937 random(3);
      std::uniform_real_distribution<float> uniform(-1, 1);
      for (std::size_t i = 0; i < bytes / sizeof(float); ++i) values[i] = uniform(random);
    }
    return memory_.back().get();
  }

  std::string name_;
  Graph graph_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<ExecutionContext> context_;
  StepChoice choice_;
  std::vector<std::shared_ptr<void>> memory_;
  std::vector<double> ms_;
};

void bench(const Options& options, const std::string& text) {
  ConvolutionProblem problem = ConvolutionProblem::parse(text);
  if (options.batch > 0) problem.src[0] = problem.dst[0] = options.batch;
  std::vector<std::unique_ptr<Case>> cases;
  for (const std::string& variant : options.variants) {
    cases.push_back(std::make_unique<Case>(problem, variant, options.threads));
    if (!cases.back()->exists()) cases.pop_back();
  }
  const auto start = std::chrono::steady_clock::now();
  const std::chrono::duration<double> limit(options.seconds);
  for (int runs = 0; runs < 5 || std::chrono::steady_clock::now() - start < limit; ++runs) {
    for (const auto& one : cases) {
      if (options.cold) flush_caches();
      one->time();
    }
  }
  fmt::print("{}\n", to_string(problem));
  const double flops = 2.0 * static_cast<double>(problem.dst.num_elements()) *
                       static_cast<double>(problem.weight.num_elements() / problem.weight[0]);
  for (const auto& one : cases) {
    fmt::print("  {:28} median {:8.3f} ms  min {:8.3f} ms  {:7.1f} GFLOP/s  last / this {:5.2f}\n",
               one->name(), one->median(), one->min(), 1e-6 * flops / one->min(),
               cases.back()->median() / one->median());
  }
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Times single convolutions on the CPU device.");
  app.add_option("problem", options.problems);
  app.add_option("--problems", options.file, "file with one problem a line");
  app.add_option("--variants", options.variants)->delimiter(',')->allow_extra_args(false);
  app.add_option("--threads", options.threads)->capture_default_str();
  app.add_option("--batch", options.batch, "instead of the problems' own");
  app.add_option("--seconds", options.seconds, "a problem")->capture_default_str();
  app.add_flag("--cold", options.cold, "with cold caches");
  app.add_flag("--machine", options.machine, "what the machine can do");
  CLI11_PARSE(app, argc, argv);
  if (options.machine) {
    fmt::print("{} threads: {:.0f} GFLOP/s float32, {:.1f} GB/s read\n", options.threads,
               peak_gflops(options.threads), read_gbytes(options.threads));
  }
  if (!options.file.empty()) {
    std::ifstream file(options.file);
    CHECK_AS(kUsage, file.good(), "{}: cannot be read", options.file);
    for (std::string line; std::getline(file, line);) {
      if (!line.empty() && line[0] != '#') options.problems.push_back(line);
    }
  }
  CHECK_AS(kUsage, options.machine || !options.problems.empty(), "no problem is given");
  for (const std::string& problem : options.problems) bench(options, problem);
  return 0;
}

}  // namespace

}  // namespace nestor

int main(int argc, char** argv) {
  try {
    return nestor::main_of(argc, argv);
  } catch (const std::exception& error) {
    fmt::print(stderr, "nestor_ops_bench: {}\n", error.what());
    return 1;
  }
}
