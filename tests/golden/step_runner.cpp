#include "tests/golden/step_runner.h"

#include <cstring>
#include <stdexcept>

#include "engine/backends/cpu/cpu_backend.h"

namespace nestor::golden {

namespace {

constexpr int kThreads = 2;

class Runner {
 public:
  explicit Runner(const Graph& graph)
      : graph_(graph), node_(graph.nodes.back()), context_(backend_.make_context(kThreads)) {}

  std::vector<HostTensor> run(std::span<const void* const> inputs) {
    const std::vector<BufferFormat> available(node_.inputs.size());
    const StepChoice choice = backend_.choose({.graph = graph_,
                                               .node = node_,
                                               .available = available,
                                               .precision = Precision::kFp32,
                                               .threads = kThreads});
    if (choice.kernel == nullptr) throw std::runtime_error(node_.name + " has no variant");
    const ExecutionContext::Scope scope(*context_);
    std::vector<std::shared_ptr<void>> memory;
    StepPointers pointers;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const TensorDesc& desc = graph_.desc(node_.inputs[i]);
      memory.push_back(copied({desc, inputs[i]}, plain(desc), choice.inputs[i]));
      pointers.inputs.push_back(memory.back().get());
    }
    std::vector<std::shared_ptr<void>> outputs;
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      const Shape& shape = graph_.desc(node_.outputs[i]).shape;
      outputs.push_back(backend_.allocate(backend_.buffer_bytes(shape, choice.outputs[i])));
      pointers.outputs.push_back(outputs.back().get());
    }
    if (choice.inplace_input >= 0) {
      const auto i = static_cast<std::size_t>(choice.inplace_input);
      outputs[0] = memory[i];
      pointers.outputs[0] = pointers.inputs[i];
    }
    const std::shared_ptr<void> workspace = backend_.allocate(choice.workspace_bytes + 1);
    pointers.workspace = workspace.get();
    choice.kernel->bind(pointers);
    choice.kernel->run(*context_);
    std::vector<HostTensor> results;
    for (std::size_t i = 0; i < node_.outputs.size(); ++i) {
      const TensorDesc& desc = graph_.desc(node_.outputs[i]);
      results.push_back({desc, copied({desc, outputs[i].get()}, choice.outputs[i], plain(desc))});
    }
    return results;
  }

 private:
  static BufferFormat plain(const TensorDesc& desc) { return {desc.dtype, Layout::kPlain}; }

  std::shared_ptr<void> copied(const TensorView& from, BufferFormat have, BufferFormat want) {
    const Shape& shape = from.desc.shape;
    const std::size_t bytes = backend_.buffer_bytes(shape, want);
    std::shared_ptr<void> to = backend_.allocate(bytes + 1);
    if (backend_.same_bytes(shape, have, want)) {
      std::memcpy(to.get(), from.data, bytes);
      return to;
    }
    const StepChoice choice = backend_.choose_conversion(shape, have, want, kThreads);
    choice.kernel->bind({.inputs = {const_cast<void*>(from.data)}, .outputs = {to.get()}});
    choice.kernel->run(*context_);
    return to;
  }

  CpuBackend backend_;
  const Graph& graph_;
  const Node& node_;
  std::unique_ptr<ExecutionContext> context_;
};

}  // namespace

std::vector<HostTensor> run_last_node(const Graph& graph, std::span<const void* const> inputs) {
  return Runner(graph).run(inputs);
}

}  // namespace nestor::golden
