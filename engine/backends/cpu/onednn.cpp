#include "engine/backends/cpu/onednn.h"

#include <omp.h>

#include "engine/backends/cpu/context.h"
#include "engine/check.h"

namespace nestor::cpu {

const dnnl::engine& engine() {
  static const dnnl::engine cpu = [] {
    dnnl::set_primitive_cache_capacity(0);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return cpu;
}

namespace {

bool has(dnnl::cpu_isa wanted) {
  const auto bits = static_cast<unsigned>(wanted);
  return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

void rethrow_as_error(const std::string& what) {
  try {
    throw;
  } catch (const dnnl::error& error) {
    CHECK_AS(kOutOfMemory, error.status != dnnl_out_of_memory, "{}: out of memory: oneDNN {}", what,
             error.what());
    fail(ErrorCode::kInternal, "{}: oneDNN {} (status {})", what, error.what(),
         static_cast<int>(error.status));
  } catch (const std::bad_alloc&) {
    fail(ErrorCode::kOutOfMemory, "{}: out of memory", what);
  }
}

Isa isa() {
  static const Isa found = [] {
    if (has(dnnl::cpu_isa::avx512_core)) return Isa::kAvx512;
    return has(dnnl::cpu_isa::avx2) ? Isa::kAvx2 : Isa::kSse2;
  }();
  return found;
}

bool has_tiles() {
  static const bool found = has(dnnl::cpu_isa::avx512_core_amx);
  return found;
}

int channel_block() { return isa() == Isa::kAvx512 ? 16 : 8; }

Layout blocked_layout() { return isa() == Isa::kAvx512 ? Layout::kNchw16c : Layout::kNchw8c; }

dnnl::memory::data_type to_dnnl(DType dtype) {
  switch (dtype) {
    case DType::kFloat32: return dnnl::memory::data_type::f32;
    case DType::kBFloat16: return dnnl::memory::data_type::bf16;
    default: fail(ErrorCode::kInternal, "the CPU device does not compute in {}", to_string(dtype));
  }
}

dnnl::memory::dims dims4(const Shape& shape) {
  dnnl::memory::dims dims(shape.dims().begin(), shape.dims().end());
  CHECK(dims.size() <= 4, "a tensor of shape {} has more than four dimensions", shape.to_string());
  dims.resize(4, 1);
  return dims;
}

dnnl::memory::desc descriptor(const Shape& shape, BufferFormat format) {
  using Tag = dnnl::memory::format_tag;
  Tag tag = Tag::nchw;
  switch (format.layout) {
    case Layout::kPlain: tag = Tag::nchw; break;
    case Layout::kNhwc:
    case Layout::kNhwc8: tag = Tag::nhwc; break;  // kNhwc8 is never asked for
    case Layout::kNchw8c: tag = Tag::nChw8c; break;
    case Layout::kNchw16c: tag = Tag::nChw16c; break;
  }
  return {dims4(shape), to_dnnl(format.dtype), tag};
}

PrimitiveKernel::PrimitiveKernel(dnnl::primitive primitive, std::vector<Argument> inputs,
                                 Argument output, dnnl::memory::desc scratchpad)
    : primitive_(std::move(primitive)) {
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dnnl != 0) add_bound(inputs[i].dnnl, static_cast<int>(i), inputs[i].desc);
  }
  add_bound(output.dnnl, -1, output.desc);
  if (scratchpad.get_size() > 0) add_bound(DNNL_ARG_SCRATCHPAD, -2, scratchpad);
}

PrimitiveKernel::PrimitiveKernel(const PrimitiveKernel& other)
    : StepKernel(other),
      primitive_(other.primitive_),
      arguments_(other.arguments_),
      constants_(other.constants_) {
  for (std::size_t i = 0; i < other.bound_.size(); ++i) {
    dnnl::memory memory(other.bound_[i].memory.get_desc(), engine(), DNNL_MEMORY_NONE);
    arguments_[i].memory = memory.get();
    bound_.push_back({other.bound_[i].input, std::move(memory)});
  }
}

void PrimitiveKernel::add_bound(int argument, int input, const dnnl::memory::desc& desc) {
  dnnl::memory memory(desc, engine(), DNNL_MEMORY_NONE);
  arguments_.push_back({argument, memory.get()});
  bound_.push_back({input, std::move(memory)});
}

void PrimitiveKernel::add_constant(int argument, std::shared_ptr<const dnnl::memory> memory) {
  arguments_.push_back({argument, memory->get()});
  constants_.push_back(std::move(memory));
}

void PrimitiveKernel::bind(const StepPointers& pointers) {
  for (Bound& bound : bound_) {
    void* const data = bound.input == -2   ? pointers.workspace
                       : bound.input == -1 ? pointers.outputs[0]
                                           : pointers.inputs[static_cast<std::size_t>(bound.input)];
    bound.memory.set_data_handle(data);
  }
}

void PrimitiveKernel::run(ExecutionContext& context) {
  const auto& stream = static_cast<CpuContext&>(context).stream();
  const dnnl_status_t status = dnnl_primitive_execute(
      primitive_.get(), stream.get(), static_cast<int>(arguments_.size()), arguments_.data());
  dnnl::error::wrap_c_api(status, "could not execute a primitive");
}

ThreadScope::ThreadScope(int threads) : previous_(omp_get_max_threads()) {
  omp_set_num_threads(threads);
}

ThreadScope::~ThreadScope() { omp_set_num_threads(previous_); }

}  // namespace nestor::cpu

namespace nestor {

std::string onednn_version() {
  const dnnl_version_t* const version = dnnl_version();
  return fmt::format("{}.{}.{}", version->major, version->minor, version->patch);
}

}  // namespace nestor
