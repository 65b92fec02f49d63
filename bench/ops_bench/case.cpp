#include "bench/ops_bench/case.h"

#include <cstring>
#include <random>

#include "apps/bench/made_up_weights.h"
#include "engine/check.h"
#include "engine/variant_names.h"

namespace nestor::ops_bench {

namespace {

StepChoice choose(const Problem& problem, std::string_view variant, Backend& backend, int threads) {
  const std::vector<BufferFormat> available(problem.node().inputs.size());
  return backend.choose({.graph = problem.graph,
                         .node = problem.node(),
                         .available = available,
                         .precision = problem.precision,
                         .threads = threads,
                         .forced_variant = variant});
}

// The bits of noise between -1 and 1, of half its precision where an element has two bytes.
std::vector<std::byte> noise(std::size_t bytes, DType dtype) {
  std::vector<std::byte> data(bytes);
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-1, 1);
  const std::size_t size = dtype == DType::kFloat32 ? 4 : 2;
  for (std::size_t at = 0; at + size <= bytes; at += size) {
    const float value = uniform(random);
    // A bfloat16 is the upper half of a float; as a half float the same bits are a number, too.
    std::memcpy(data.data() + at, reinterpret_cast<const char*>(&value) + 4 - size, size);
  }
  return data;
}

}  // namespace

std::vector<std::string> variants_of(const Problem& problem, Backend& backend, int threads) {
  std::vector<std::string> able;
  for (const std::string& name : variant_names(*problem.node().op, backend)) {
    if (choose(problem, name, backend, threads).kernel != nullptr) able.push_back(name);
  }
  return able;
}

Case::Case(const Problem& problem, const std::string& variant, const std::string& device,
           int threads)
    : problem_(problem),
      backend_(open_backend(device)),
      context_(backend_->make_context(threads)),
      choice_(choose(problem, variant, *backend_, threads)) {
  CHECK(choice_.kernel != nullptr, "{}: {} cannot do it", problem.name, variant);
  kernels_[0] = std::move(choice_.kernel);
  flops_ = 2.0 * static_cast<double>(multiply_adds(problem.graph, problem.node()));
  load();
}

void Case::load() {
  const Graph& graph = problem_.graph;
  std::vector<Parameter> parameters;
  for (const Value& value : graph.values) {
    if (is_constant(value)) parameters.push_back({value.name, value.desc.shape});
  }
  const std::vector<std::byte> file = make_up_weights(parameters);
  const WeightStore store(WeightFile::parse(file, "made up"));
  const ExecutionContext::Scope scope(*context_);
  kernels_[0]->load(Constants(graph, store), problem_.node().inputs);
  bytes_ += static_cast<double>(backend_->loaded_weight_bytes());
  StepPointers pointers;
  for (std::size_t i = 0; i < choice_.inputs.size(); ++i) {
    const Value& value = graph.value(problem_.node().inputs[i]);
    pointers.inputs.push_back(is_constant(value) ? nullptr
                                                 : buffer(value.desc.shape, choice_.inputs[i]));
  }
  for (std::size_t i = 0; i < choice_.outputs.size(); ++i) {
    const bool inplace = i == 0 && choice_.inplace_input >= 0;
    pointers.outputs.push_back(
        inplace ? pointers.inputs[static_cast<std::size_t>(choice_.inplace_input)]
                : buffer(graph.desc(problem_.node().outputs[i]).shape, choice_.outputs[i]));
  }
  memory_.push_back(backend_->allocate(choice_.workspace_bytes));
  pointers.workspace = memory_.back().get();
  kernels_[0]->bind(pointers);
}

double Case::time() {
  const ExecutionContext::Scope scope(*context_);
  return context_->time_steps(kernels_)[0];
}

void* Case::buffer(const Shape& shape, BufferFormat format) {
  const std::size_t bytes = backend_->buffer_bytes(shape, format);
  bytes_ += static_cast<double>(bytes);
  memory_.push_back(backend_->allocate(bytes));
  fill(memory_.back().get(), bytes, format);
  return memory_.back().get();
}

// Integers stay zero.
void Case::fill(void* dst, std::size_t bytes, BufferFormat format) {
  const DType dtype = format.dtype;
  if (dtype != DType::kFloat32 && dtype != DType::kFloat16 && dtype != DType::kBFloat16) return;
  context_->upload(dst, noise(bytes, dtype).data(), bytes);
}

}  // namespace nestor::ops_bench
