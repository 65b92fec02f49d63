#include "engine/backends/cpu/conversion.h"

#include "engine/backends/cpu/context.h"
#include "engine/image/level_table.h"

namespace nestor::cpu {

namespace {

// Images [n, h, w, 3] to [n, 3, h, w].
class NormaliseKernel : public StepKernel {
 public:
  NormaliseKernel(const Shape& shape, const Normalisation& normalisation)
      : images_(shape[0]),
        lines_(shape[2]),
        columns_(static_cast<std::size_t>(shape[3])),
        table_(normalisation) {}

  void load(const Constants&, std::span<const ValueId>) override {}
  void bind(const StepPointers& pointers) override {
    src_ = static_cast<const std::uint8_t*>(pointers.inputs[0]);
    dst_ = static_cast<float*>(pointers.outputs[0]);
  }
  void run(ExecutionContext& context) override {
    const std::size_t plane = static_cast<std::size_t>(lines_) * columns_;
    parallel_for(static_cast<CpuContext&>(context).threads(), images_ * lines_,
                 [&](std::int64_t line) {
                   const auto image = static_cast<std::size_t>(line / lines_);
                   const std::size_t first = static_cast<std::size_t>(line % lines_) * columns_;
                   table_.normalise(src_ + 3 * (image * plane + first), columns_,
                                    dst_ + 3 * image * plane + first, plane);
                 });
  }

 private:
  std::int64_t images_, lines_;
  std::size_t columns_;
  LevelTable table_;
  const std::uint8_t* src_ = nullptr;
  float* dst_ = nullptr;
};

StepChoice reorder(const Shape& shape, BufferFormat from, BufferFormat to) {
  const dnnl::memory::desc src = descriptor(shape, from);
  const dnnl::memory::desc dst = descriptor(shape, to);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::reorder::primitive_desc reorder(engine(), src, engine(), dst, attributes);
  StepChoice choice{.variant = "onednn_reorder",
                    .inputs = {from},
                    .outputs = {to},
                    .workspace_bytes = reorder.scratchpad_desc().get_size()};
  choice.kernel = make_kernel<PrimitiveKernel>(
      dnnl::reorder(reorder), std::vector<PrimitiveKernel::Argument>{{DNNL_ARG_FROM, src}},
      PrimitiveKernel::Argument{DNNL_ARG_TO, dst}, reorder.scratchpad_desc());
  return choice;
}

}  // namespace

StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to) {
  if (!from.levels) return reorder(shape, from, to);
  if (to != BufferFormat{}) return {};
  StepChoice choice{.variant = "normalise", .inputs = {from}, .outputs = {to}};
  choice.kernel = make_kernel<NormaliseKernel>(shape, *from.levels);
  return choice;
}

}  // namespace nestor::cpu
