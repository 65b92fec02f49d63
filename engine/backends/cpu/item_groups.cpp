#include "engine/backends/cpu/item_groups.h"

#include <algorithm>

namespace nestor::cpu {

namespace {

// Of a group's matrix products: enough to fill registers and caches, few enough that the items that
// are computed for nothing do not matter.
constexpr std::int64_t kPixelsOfGroup = 1250;
constexpr std::int64_t kMostOfGroup = 125;

// The largest divisor of `items` that gives a group no more than that.
std::int64_t group_size(std::int64_t items, const Shape& shape) {
  std::int64_t pixels = 1;
  for (std::size_t i = 2; i < shape.rank(); ++i) pixels *= shape[i];
  std::int64_t size =
      std::clamp<std::int64_t>(kPixelsOfGroup / pixels, 1, std::min(items, kMostOfGroup));
  while (items % size != 0) --size;
  return size;
}

// The graph with one group in place of all items that the node reads and writes.
Graph graph_of_group(const Graph& whole, const Node& node, std::int64_t group) {
  Graph part;
  part.values = whole.values;
  const auto shrink = [&](ValueId id) {
    Value& value = part.values[static_cast<std::size_t>(id)];
    if (is_constant(value)) return;
    value.desc.shape[0] = group;
    value.count = -1;
  };
  for (const ValueId id : node.inputs) shrink(id);
  for (const ValueId id : node.outputs) shrink(id);
  return part;
}

class GroupsKernel : public StepKernel {
 public:
  struct Sizes {
    std::int64_t images, items, group;
    std::vector<std::size_t> input_bytes, output_bytes;  // of a group; 0: a constant
  };

  GroupsKernel(std::unique_ptr<StepKernel> kernel, Sizes sizes)
      : kernel_(std::move(kernel)), sizes_(std::move(sizes)) {}
  GroupsKernel(const GroupsKernel& other)
      : StepKernel(other), kernel_(other.kernel_->copy()), sizes_(other.sizes_) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    kernel_->load(constants, inputs);
  }
  void bind(const StepPointers& pointers) override { whole_ = part_ = pointers; }

  void run(ExecutionContext& context) override {
    const std::int64_t groups = sizes_.items / sizes_.group;
    for (std::int64_t n = 0; n < sizes_.images; ++n) {
      const std::int64_t used = in_use(n);
      for (std::int64_t i = 0; i * sizes_.group < used; ++i) {
        point(whole_.inputs, sizes_.input_bytes, n * groups + i, part_.inputs);
        point(whole_.outputs, sizes_.output_bytes, n * groups + i, part_.outputs);
        kernel_->bind(part_);
        kernel_->run(context);
      }
    }
  }

 private:
  std::int64_t in_use(std::int64_t n) const {
    if (whole_.count == nullptr) return sizes_.items;
    return rows_in_use(static_cast<const std::int32_t*>(whole_.count)[n]);
  }

  static void point(const std::vector<void*>& whole, const std::vector<std::size_t>& bytes,
                    std::int64_t group, std::vector<void*>& part) {
    for (std::size_t i = 0; i < whole.size(); ++i) {
      if (bytes[i] == 0) continue;
      part[i] = static_cast<std::byte*>(whole[i]) + static_cast<std::size_t>(group) * bytes[i];
    }
  }

  std::unique_ptr<StepKernel> kernel_;
  Sizes sizes_;
  StepPointers whole_, part_;
};

}  // namespace

bool is_of_items(const Graph& graph, const Node& node) {
  const std::int64_t items = node.inputs.empty() ? 1 : graph.items(node.inputs[0]);
  if (items <= 1 || graph.images() < 1) return false;
  const auto has_them = [&](ValueId id) {
    return is_constant(graph.value(id)) || graph.items(id) == items;
  };
  return std::ranges::all_of(node.inputs, has_them) && std::ranges::all_of(node.outputs, has_them);
}

StepChoice choose_by_groups(const StepRequest& request, const CpuBackend& backend,
                            const Choose& choose) {
  const Graph& whole = request.graph;
  const Node& node = request.node;
  const std::int64_t items = whole.items(node.inputs[0]);
  const std::int64_t group = group_size(items, whole.desc(node.inputs[0]).shape);
  const Graph part = graph_of_group(whole, node, group);
  StepChoice choice = choose({.graph = part,
                              .node = node,
                              .available = request.available,
                              .precision = request.precision,
                              .threads = request.threads,
                              .forced_variant = request.forced_variant,
                              .excluded_variants = request.excluded_variants,
                              .deterministic = request.deterministic,
                              .tuning = request.tuning,
                              .pinned = request.pinned});
  if (choice.kernel == nullptr) return choice;
  GroupsKernel::Sizes sizes{whole.images(), items, group, {}, {}};
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const bool constant = is_constant(whole.value(node.inputs[i]));
    const Shape& shape = part.desc(node.inputs[i]).shape;
    sizes.input_bytes.push_back(constant ? 0 : backend.buffer_bytes(shape, choice.inputs[i]));
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    const Shape& shape = part.desc(node.outputs[i]).shape;
    sizes.output_bytes.push_back(backend.buffer_bytes(shape, choice.outputs[i]));
  }
  choice.kernel = make_kernel<GroupsKernel>(std::move(choice.kernel), std::move(sizes));
  return choice;
}

}  // namespace nestor::cpu
