#include "tests/support/op_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/graph/constants.h"
#include "engine/ops/registry.h"
#include "tests/support/compare.h"
#include "tests/support/formats.h"
#include "tests/support/model.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor::test {

namespace {

constexpr std::uint64_t kSeed = 20261125;

// Memory for one buffer, aligned as an arena is.
class Bytes {
 public:
  explicit Bytes(std::size_t bytes)
      : memory_(std::aligned_alloc(64, (bytes + 63) / 64 * 64), std::free) {
    std::memset(memory_.get(), 0xFF, (bytes + 63) / 64 * 64);  // NaN in every element type
  }
  void* get() const { return memory_.get(); }

 private:
  std::unique_ptr<void, void (*)(void*)> memory_;
};

class Runner {
 public:
  Runner(const Graph& graph, const Problem& problem, float amplitude, const GivenInputs& given = {})
      : graph_(graph),
        node_(graph.nodes.back()),
        problem_(problem),
        store_(weight_file(graph, kSeed)) {
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
    const StepChoice choice = backend_.choose({.graph = graph_,
                                               .node = node_,
                                               .available = available,
                                               .precision = problem_.precision(),
                                               .threads = threads,
                                               .forced_variant = variant});
    if (choice.kernel == nullptr) return false;
    const std::string title =
        fmt::format("{} on {} ({}), {} threads", problem_.text(), variant, choice.variant, threads);
    std::vector<Elements> got = execute(choice, threads, title);
    const std::vector<Elements> expected = reference(choice.inputs);
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

  std::vector<Elements> execute(const StepChoice& choice, int threads, const std::string& title) {
    const Constants constants(graph_, store_);
    choice.kernel->load(constants, node_.inputs);
    StepPointers pointers;
    std::vector<Bytes> inputs;
    for (std::size_t i = 0; i < node_.inputs.size(); ++i) {
      const Value& value = graph_.value(node_.inputs[i]);
      if (is_constant(value)) {
        pointers.inputs.push_back(nullptr);
        continue;
      }
      inputs.emplace_back(backend_.buffer_bytes(value.desc.shape, choice.inputs[i]));
      pack(values_[i], value.desc.shape, choice.inputs[i], inputs.back().get());
      pointers.inputs.push_back(inputs.back().get());
    }
    std::vector<Bytes> outputs;
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      outputs.emplace_back(backend_.buffer_bytes(shape_of(i), choice.outputs[i]));
      pointers.outputs.push_back(outputs.back().get());
    }
    if (choice.inplace_input >= 0) {
      pointers.outputs[0] = pointers.inputs[static_cast<std::size_t>(choice.inplace_input)];
    }
    const Bytes workspace(choice.workspace_bytes);
    pointers.workspace = workspace.get();
    choice.kernel->bind(pointers);
    const auto context = backend_.make_context(threads);
    const ExecutionContext::Scope scope(*context);
    choice.kernel->run(*context);
    INFO(title);
    std::vector<Elements> got;
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      const void* const dst = pointers.outputs[i];
      CHECK(padding_is_zero(dst, shape_of(i), choice.outputs[i]));
      got.push_back(unpack(dst, shape_of(i), choice.outputs[i]));
    }
    return got;
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
  WeightStore store_;
  CpuBackend backend_;
  std::vector<std::vector<float>> values_;
};

}  // namespace

std::vector<std::string> cpu_variant_names(const Op& op) {
  std::vector<std::string> names;
  const AdmittedOp* const row = find_admitted(op);
  REQUIRE(row != nullptr);
  for (const CpuVariant& variant : row->cpu()) names.emplace_back(variant.name);
  return names;
}

namespace {

std::set<std::string> run_all(Runner& runner, const Graph& graph, const Problem& problem) {
  std::set<std::string> ran;
  for (const std::string& variant : cpu_variant_names(*graph.nodes.back().op)) {
    if (runner.run(variant, /*threads=*/2)) ran.insert(variant);
  }
  INFO(problem.text());
  CHECK_FALSE(ran.empty());
  return ran;
}

}  // namespace

std::set<std::string> run_variants(const Graph& graph, const Problem& problem, float amplitude) {
  Runner runner(graph, problem, amplitude);
  return run_all(runner, graph, problem);
}

std::set<std::string> run_variants(const Graph& graph, const Problem& problem,
                                   const GivenInputs& given) {
  Runner runner(graph, problem, 1, given);
  return run_all(runner, graph, problem);
}

void run_table(const Op& op, GraphOf graph, std::span<const char* const> problems) {
  std::set<std::string> ran;
  for (const char* const text : problems) {
    const Problem problem(text);
    ran.merge(run_variants(graph(problem), problem));
  }
  for (const std::string& variant : cpu_variant_names(op)) {
    INFO(op.name << " on " << variant << " was run by no problem");
    CHECK(ran.contains(variant));
  }
}

}  // namespace nestor::test
