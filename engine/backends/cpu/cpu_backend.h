#pragma once
// The CPU device: oneDNN for convolutions, kernels of our own for split attention.

#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "engine/backend.h"
#include "engine/backends/cpu/onednn.h"

namespace nestor {

class CpuBackend : public Backend {
 public:
  std::string_view name() const override { return "cpu"; }
  void require(Precision precision) const override;
  StepChoice choose(const StepRequest& request) override;
  StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                               int threads) override;
  bool same_bytes(const Shape& shape, BufferFormat a, BufferFormat b) const override;
  std::size_t buffer_bytes(const Shape& shape, BufferFormat format) const override;
  std::size_t loaded_weight_bytes() const override;
  std::unique_ptr<ExecutionContext> make_context(int threads) override;
  std::shared_ptr<void> allocate(std::size_t bytes) override;

  // The format in which activations lie in that precision.
  static BufferFormat activation_format(Precision precision);

  // The layout that the first plan of a model chose for a weight; later plans ask for it, so that
  // each weight is packed once. Nothing before that.
  std::optional<dnnl::memory::desc> weight_layout(const std::string& name) const;

  // The weight `name` packed as `layout` says, by `pack` if nobody has done it yet.
  using Pack = std::function<dnnl::memory(const dnnl::memory::desc& layout)>;
  std::shared_ptr<const dnnl::memory> packed(const std::string& name,
                                             const dnnl::memory::desc& layout, const Pack& pack);

  // The same for float32 values in an order of the caller's own. They are zero before `fill`.
  using Fill = std::function<void(float* values)>;
  std::shared_ptr<const dnnl::memory> packed_floats(const std::string& name, std::int64_t count,
                                                    const Fill& fill);

 private:
  struct Packed {
    dnnl::memory::desc layout;
    std::shared_ptr<const dnnl::memory> memory;
  };
  mutable std::mutex mutex_;
  std::map<std::string, std::vector<Packed>> packed_;
};

// One way to run an op on the CPU. <op>_cpu() of engine/ops/<op>/cpu.cpp lists an op's, the
// preferred first.
struct CpuVariant {
  std::string_view name;
  // No kernel if the variant cannot do it.
  StepChoice (*choose)(const StepRequest& request, CpuBackend& backend);
};

}  // namespace nestor
