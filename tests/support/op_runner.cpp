#include "tests/support/op_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/backend.h"
#include "engine/graph/constants.h"
#include "engine/plan/memory_planner.h"
#include "engine/variant_names.h"
#include "tests/support/compare.h"
#include "tests/support/formats.h"
#include "tests/support/model.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor::test {

namespace {

constexpr std::uint64_t kSeed = 20261125;

std::string_view device_name() {
  const char* const name = std::getenv("NESTOR_TEST_DEVICE");
  return name == nullptr ? "cpu" : name;
}

bool on_cpu() { return device_name() == "cpu"; }

// The arena of one step: its buffers one behind the other, NaN in every element type where nothing
// was written.
class Arena {
 public:
  Arena(Backend& backend, ExecutionContext& context) : backend_(backend), context_(context) {}

  // Where a buffer of so many bytes will lie.
  std::size_t reserve(std::size_t bytes) {
    const std::size_t offset = host_.size();
    host_.resize(offset + arena_aligned(bytes), std::byte{0xFF});
    return offset;
  }
  void* host(std::size_t offset) { return host_.data() + offset; }

  // To the device, as it was written in the host's memory.
  void upload() {
    memory_ = backend_.allocate(host_.size());
    context_.upload(memory_.get(), host_.data(), host_.size());
  }
  void* at(std::size_t offset) const { return static_cast<std::byte*>(memory_.get()) + offset; }

  // Back, once all the device's work is done.
  void download() {
    if (on_cpu()) {
      std::memcpy(host_.data(), memory_.get(), host_.size());
    } else {
      const Download all{host_.data(), memory_.get(), host_.size(), 0};
      context_.download({&all, 1});
    }
  }

 private:
  Backend& backend_;
  ExecutionContext& context_;
  std::vector<std::byte> host_;
  std::shared_ptr<void> memory_;
};

class Runner {
 public:
  Runner(const Graph& graph, const Problem& problem, Precision precision, float amplitude,
         const GivenInputs& given = {})
      : graph_(graph),
        node_(graph.nodes.back()),
        problem_(problem),
        precision_(precision),
        store_(weight_file(graph, kSeed)),
        backend_(open_backend(device_name())) {
    for (const ValueId id : node_.inputs) {
      const Value& value = graph.value(id);
      const auto own = given.find(value.name);
      values_.push_back(
          own != given.end() ? own->second
          : is_constant(value)
              ? weight_values(value, kSeed)
              : random_values(static_cast<std::size_t>(value.desc.shape.num_elements()),
                              kSeed ^ seed_of(value.name), -amplitude, amplitude));
    }
  }

  // Whether the variant can do it; CHECKs its result.
  bool run(std::string_view variant, int threads) {
    const std::vector<BufferFormat> available(node_.inputs.size());
    StepChoice choice = backend_->choose({.graph = graph_,
                                          .node = node_,
                                          .available = available,
                                          .precision = precision_,
                                          .threads = threads,
                                          .forced_variant = variant});
    if (choice.kernel == nullptr) return false;
    const std::string title = fmt::format("{} in {} on {} ({}), {} threads", problem_.text(),
                                          to_string(precision_), variant, choice.variant, threads);
    std::vector<Elements> got = execute(choice, threads, title);
    std::vector<BufferFormat> seen = choice.inputs;
    // Stems round the float32 image that they read; on tensor cores the weights, too.
    if (precision_ == Precision::kFp16 && variant.starts_with("stem_")) {
      seen[0].dtype = DType::kFloat16;
      if (variant.ends_with("_mma")) seen[1].dtype = DType::kFloat16;
    }
    const std::vector<Elements> expected = reference(seen);
    for (std::size_t i = 0; i < got.size(); ++i) {
      clear_unused(i, got[i]);
      const DType dtype = choice.outputs[i].dtype;
      const Tolerance allowed =
          variant.starts_with("winograd") ? winograd_tolerance(dtype) : tolerance(dtype);
      const Shape& dst = graph_.desc(node_.outputs[i]).shape;
      CHECK(mismatch(got[i], expected[i], dst, allowed, title) == "");
    }
    return true;
  }

 private:
  using Elements = std::vector<float>;

  std::vector<Elements> execute(StepChoice& choice, int threads, const std::string& title) {
    const Constants constants(graph_, store_);
    choice.kernel->load(constants, node_.inputs);
    const auto context = backend_->make_context(threads);
    const ExecutionContext::Scope scope(*context);
    Arena arena(*backend_, *context);
    std::vector<std::size_t> inputs, outputs;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      inputs.push_back(arena.reserve(input_bytes(i, choice)));
    }
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      const bool in_place = i == 0 && choice.inplace_input >= 0;
      outputs.push_back(
          in_place ? inputs[static_cast<std::size_t>(choice.inplace_input)]
                   : arena.reserve(backend_->buffer_bytes(shape_of(i), choice.outputs[i])));
    }
    const std::size_t workspace = arena.reserve(choice.workspace_bytes);
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (is_constant(graph_.value(node_.inputs[i]))) continue;
      pack(values_[i], graph_.desc(node_.inputs[i]).shape, choice.inputs[i], arena.host(inputs[i]));
    }
    arena.upload();
    StepPointers pointers{.workspace = arena.at(workspace)};
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const bool constant = is_constant(graph_.value(node_.inputs[i]));
      pointers.inputs.push_back(constant ? nullptr : arena.at(inputs[i]));
    }
    for (const std::size_t offset : outputs) pointers.outputs.push_back(arena.at(offset));
    choice.kernel->bind(pointers);
    std::unique_ptr<ExecutionContext::Recording> recording;
    context->run({&choice.kernel, 1}, recording);
    arena.download();
    INFO(title);
    std::vector<Elements> got;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CHECK(padding_is_zero(arena.host(outputs[i]), shape_of(i), choice.outputs[i]));
      got.push_back(unpack(arena.host(outputs[i]), shape_of(i), choice.outputs[i]));
    }
    return got;
  }

  // None of constants, which the kernel has.
  std::size_t input_bytes(std::size_t idx, const StepChoice& choice) const {
    const Value& value = graph_.value(node_.inputs[idx]);
    if (is_constant(value)) return 0;
    return backend_->buffer_bytes(value.desc.shape, choice.inputs[idx]);
  }

  const Shape& shape_of(std::size_t output) const {
    return graph_.desc(node_.outputs[output]).shape;
  }

  // Items that an input of the node counts as not in use become zero, as the oracle leaves them.
  void clear_unused(std::size_t output, Elements& got) const {
    const ValueId id = node_.outputs[output];
    const auto counted = std::ranges::find(node_.inputs, graph_.value(id).count);
    if (counted == node_.inputs.end()) return;
    const Elements& counts = values_[static_cast<std::size_t>(counted - node_.inputs.begin())];
    const std::size_t image = got.size() / counts.size();
    const std::size_t item = image / static_cast<std::size_t>(graph_.items(id));
    for (std::size_t n = 0; n < counts.size(); ++n) {
      const std::size_t used = counts[n] < 0 ? 0 : static_cast<std::size_t>(counts[n]);
      std::fill(got.begin() + static_cast<std::ptrdiff_t>(n * image + used * item),
                got.begin() + static_cast<std::ptrdiff_t>((n + 1) * image), 0.0F);
    }
  }

  // The oracle on the inputs as the variant sees them, rounded to the types it asks for.
  std::vector<Elements> reference(const std::vector<BufferFormat>& formats) const {
    std::vector<std::vector<float>> data;
    std::vector<std::vector<std::int32_t>> numbers;
    std::vector<TensorView> views;
    for (std::size_t i = 0; i < values_.size(); ++i) {
      const TensorDesc& desc = graph_.desc(node_.inputs[i]);
      if (desc.dtype == DType::kInt32) {
        numbers.emplace_back(values_[i].begin(), values_[i].end());
        views.push_back({desc, numbers.back().data()});
        continue;
      }
      data.push_back(rounded(values_[i], formats[i].dtype));
      views.push_back({desc, data.back().data()});
    }
    std::vector<std::vector<std::byte>> bytes;
    std::vector<MutableTensorView> outputs;
    for (const ValueId id : node_.outputs) {
      bytes.emplace_back(TensorView{graph_.desc(id)}.bytes());
      outputs.push_back({graph_.desc(id), bytes.back().data()});
    }
    node_.op->reference(node_, views, outputs);
    std::vector<Elements> result;
    for (const MutableTensorView& output : outputs) {
      result.push_back(elements({output.desc, output.data}));
    }
    return result;
  }

  const Graph& graph_;
  const Node& node_;
  const Problem& problem_;
  Precision precision_;
  WeightStore store_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::vector<float>> values_;
};

}  // namespace

std::vector<std::string> variant_names(const Op& op) {
  std::vector<std::string> names = nestor::variant_names(op, *open_backend(device_name()));
  REQUIRE_FALSE(names.empty());
  return names;
}

namespace {

// Variants that need neighbours in the graph: tests of whole networks run them.
constexpr std::string_view kOfSeveralNodes[] = {"attention_gates", "average_of_parts",
                                                "implicit_gemm", "convolution_max_pool"};

// Whether a variant's name ("convolution_sm70") is that of another GPU than the device.
bool is_of_another_gpu(std::string_view variant) {
  const std::size_t at = variant.rfind("_sm");
  if (at == std::string_view::npos) return false;
  const auto key = open_backend(device_name())->tuning_key(Precision::kFp16);
  return key && !key->architecture.ends_with(variant.substr(at + 3));
}

std::vector<Precision> precisions(const Problem& problem) {
  if (on_cpu()) return {problem.precision()};
  return {Precision::kFp32, Precision::kFp16};
}

std::set<std::string> run_all(const Graph& graph, const Problem& problem, float amplitude,
                              const GivenInputs& given) {
  std::set<std::string> all;
  for (const Precision precision : precisions(problem)) {
    Runner runner(graph, problem, precision, amplitude, given);
    std::set<std::string> ran;
    for (const std::string& variant : variant_names(*graph.nodes.back().op)) {
      if (runner.run(variant, /*threads=*/2)) ran.insert(variant);
    }
    INFO(problem.text() << " in " << to_string(precision));
    // Kernels of GPUs take channels in eights.
    if (on_cpu()) CHECK_FALSE(ran.empty());
    all.merge(ran);
  }
  return all;
}

}  // namespace

std::set<std::string> run_variants(const Graph& graph, const Problem& problem, float amplitude) {
  return run_all(graph, problem, amplitude, {});
}

std::set<std::string> run_variants(const Graph& graph, const Problem& problem,
                                   const GivenInputs& given) {
  return run_all(graph, problem, 1, given);
}

void run_table(const Op& op, GraphOf graph, std::span<const char* const> problems) {
  std::set<std::string> ran;
  for (const char* const text : problems) {
    const Problem problem(text);
    ran.merge(run_variants(graph(problem), problem));
  }
  for (const std::string& variant : variant_names(op)) {
    const bool of_one = std::ranges::count(kOfSeveralNodes, variant) == 0;
    if (!of_one || is_of_another_gpu(variant)) continue;
    INFO(op.name << " on " << variant << " was run by no problem");
    CHECK(ran.contains(variant));
  }
}

}  // namespace nestor::test
