#include "engine/backends/cpu/cpu_backend.h"

#include <cstdlib>
#include <cstring>
#include <new>

#include "engine/backends/cpu/context.h"
#include "engine/backends/cpu/conversion.h"
#include "engine/backends/cpu/item_groups.h"
#include "engine/backends/cpu/team.h"
#include "engine/backends/variant_list.h"
#include "engine/check.h"
#include "engine/memory_available.h"
#include "engine/ops/registry.h"
#include "engine/plan/memory_planner.h"

namespace nestor {

namespace {

bool has_bf16() {
  const auto effective = static_cast<unsigned>(dnnl::get_effective_cpu_isa());
  const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
  return (effective & wanted) == wanted;
}

// A step as the session sees it: with errors that name it.
class NamedKernel : public StepKernel {
 public:
  NamedKernel(std::string name, std::unique_ptr<StepKernel> kernel)
      : name_(std::move(name)), kernel_(std::move(kernel)) {}
  NamedKernel(const NamedKernel& other)
      : StepKernel(other),
        name_(other.name_),
        kernel_(cpu::with_errors(name_, [&] { return other.kernel_->copy(); })) {}

  void load(const Constants& constants, std::span<const ValueId> inputs) override {
    cpu::with_errors(name_, [&] {
      require_small_blocks();
      kernel_->load(constants, inputs);
    });
  }
  void bind(const StepPointers& pointers) override {
    cpu::with_errors(name_, [&] { kernel_->bind(pointers); });
  }
  void run(ExecutionContext& context) override {
    cpu::with_errors(name_, [&] { kernel_->run(context); });
  }

 private:
  std::string name_;
  std::unique_ptr<StepKernel> kernel_;
};

constexpr const char* kDevice = "the CPU device";

std::span<const CpuVariant> variants_of(const Op& op) {
  const AdmittedOp* const row = find_admitted(op);
  return row == nullptr ? std::span<const CpuVariant>() : row->cpu();
}

}  // namespace

void CpuBackend::require(Precision precision) const {
  if (precision == Precision::kFp32) return;
  CHECK_AS(kUnsupported, precision == Precision::kBf16,
           "the CPU device computes in fp32 and bf16, not in {}", to_string(precision));
  CHECK_AS(kUnsupported, has_bf16(), "bf16 needs a CPU with AVX512_BF16, which this one lacks");
}

// Of ops that the registry admits without variants for the CPU.
std::span<const CpuVariant> no_cpu() { return {}; }

BufferFormat CpuBackend::activation_format(Precision precision) {
  return {precision == Precision::kBf16 ? DType::kBFloat16 : DType::kFloat32,
          cpu::blocked_layout()};
}

StepChoice CpuBackend::choose(const StepRequest& request) {
  cpu::start_team(request.threads);  // oneDNN's preparations and packing run in it, too
  const cpu::ThreadScope threads(request.threads);
  const std::string& name = request.node.name;
  const auto choose_one = [&](const StepRequest& wanted) {
    const auto choose = [&](const CpuVariant& variant) {
      return cpu::with_errors(name, [&] {
        require_small_blocks();
        return variant.choose(wanted, *this);
      });
    };
    return first_choice(wanted, variants_of(*wanted.node.op), choose);
  };
  StepChoice choice = cpu::is_of_items(request.graph, request.node)
                          ? cpu::choose_by_groups(request, *this, choose_one)
                          : choose_one(request);
  if (choice.kernel != nullptr) {
    choice.kernel = make_kernel<NamedKernel>(name, std::move(choice.kernel));
  }
  return choice;
}

StepChoice CpuBackend::choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                                         int threads) {
  const cpu::ThreadScope scope(threads);
  const std::string name = fmt::format("conversion of {} from {} to {}", shape.to_string(),
                                       to_string(from), to_string(to));
  StepChoice choice = cpu::with_errors(name, [&] {
    require_small_blocks();
    return cpu::choose_conversion(shape, from, to);
  });
  if (choice.kernel != nullptr) {
    choice.kernel = make_kernel<NamedKernel>(name, std::move(choice.kernel));
  }
  return choice;
}

bool CpuBackend::same_bytes(const Shape& shape, BufferFormat a, BufferFormat b) const {
  if (a == b) return true;
  if (a.dtype != b.dtype || a.levels || b.levels) return false;
  const dnnl::memory::dims dims = cpu::dims4(shape);
  const bool one_pixel = dims[2] == 1 && dims[3] == 1;
  const auto blocks_fit = [&](Layout layout) {
    if (layout == Layout::kNchw8c) return dims[1] % 8 == 0;
    return layout != Layout::kNchw16c || dims[1] % 16 == 0;
  };
  return one_pixel && blocks_fit(a.layout) && blocks_fit(b.layout);
}

std::size_t CpuBackend::buffer_bytes(const Shape& shape, BufferFormat format) const {
  if (format.layout == Layout::kPlain || format.levels) {
    return static_cast<std::size_t>(shape.num_elements()) * size_bytes(format.dtype);
  }
  return cpu::with_errors(kDevice, [&] { return cpu::descriptor(shape, format).get_size(); });
}

std::size_t CpuBackend::loaded_weight_bytes() const {
  const std::lock_guard lock(mutex_);
  std::size_t bytes = 0;
  for (const auto& [name, copies] : packed_) {
    for (const Packed& copy : copies) bytes += copy.layout.get_size();
  }
  return bytes;
}

std::unique_ptr<ExecutionContext> CpuBackend::make_context(int threads) {
  return cpu::with_errors(kDevice, [&] { return std::make_unique<cpu::CpuContext>(threads); });
}

std::shared_ptr<void> CpuBackend::allocate(std::size_t bytes) {
  const std::size_t rounded = arena_aligned(bytes);
  require_memory(rounded, "an arena");
  void* const memory = std::aligned_alloc(kArenaAlignment, rounded);
  CHECK_AS(kOutOfMemory, memory != nullptr, "no memory for an arena of {} bytes", rounded);
  std::memset(memory, 0, rounded);
  return {memory, std::free};
}

std::optional<dnnl::memory::desc> CpuBackend::weight_layout(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = packed_.find(name);
  if (found == packed_.end()) return std::nullopt;
  return found->second.front().layout;
}

std::shared_ptr<const dnnl::memory> CpuBackend::packed(const std::string& name,
                                                       const dnnl::memory::desc& layout,
                                                       const Pack& pack) {
  const std::lock_guard lock(mutex_);
  if (const auto found = packed_.find(name); found != packed_.end()) {
    for (const Packed& copy : found->second) {
      if (copy.layout == layout) return copy.memory;
    }
  }
  require_memory(layout.get_size(), name);
  // Packed before the list is touched: if that throws, weight_layout() finds no empty one.
  const Packed packed{layout, std::make_shared<const dnnl::memory>(pack(layout))};
  const auto [place, is_first] = packed_.try_emplace(name, std::vector{packed});
  if (!is_first) place->second.push_back(packed);
  return packed.memory;
}

std::shared_ptr<const dnnl::memory> CpuBackend::packed_floats(const std::string& name,
                                                              std::int64_t count,
                                                              const Fill& fill) {
  const dnnl::memory::desc layout({count}, dnnl::memory::data_type::f32,
                                  dnnl::memory::format_tag::x);
  return packed(name, layout, [&](const dnnl::memory::desc& desc) {
    dnnl::memory memory(desc, cpu::engine());
    std::memset(memory.get_data_handle(), 0, desc.get_size());
    fill(static_cast<float*>(memory.get_data_handle()));
    return memory;
  });
}

}  // namespace nestor
