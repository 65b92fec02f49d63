#pragma once
// oneDNN, as the CPU backend uses it: formats to memory descriptors, primitives made ready to run
// without allocating on our side.

#include <new>
#include <oneapi/dnnl/dnnl.hpp>

#include "engine/backend.h"

namespace nestor::cpu {

// With oneDNN's cache of primitives switched off, for the whole process: a primitive that memory was
// too short for leaves its place there broken, with pointers to what is gone, and whoever wants the
// same one later fails or crashes. Making alike primitives anew costs plans up to a fifth.
const dnnl::engine& engine();

// Throws what an exception of oneDNN or of the allocator means: kOutOfMemory, or kInternal with
// oneDNN's words. `what` names the step. To be called where one was caught.
[[noreturn]] void rethrow_as_error(const std::string& what);

// The border of the CPU device: nothing but Errors leaves work().
template <class Work>
decltype(auto) with_errors(const std::string& what, const Work& work) {
  try {
    return work();
  } catch (const dnnl::error&) {
    rethrow_as_error(what);
  } catch (const std::bad_alloc&) {
    rethrow_as_error(what);
  }
}

// Channels in a block of the layout that activations have on this machine: 16 with AVX-512, else 8.
// Follows ONEDNN_MAX_CPU_ISA.
int channel_block();
Layout blocked_layout();

// Instruction sets for which we have code of our own.
enum class Isa { kSse2, kAvx2, kAvx512 };
Isa isa();

// Whether the CPU multiplies tiles of bfloat16 (AMX). Follows ONEDNN_MAX_CPU_ISA.
bool has_tiles();

dnnl::memory::data_type to_dnnl(DType dtype);

// Shapes with fewer than four dimensions are [n, c, 1, 1].
dnnl::memory::dims dims4(const Shape& shape);
dnnl::memory::desc descriptor(const Shape& shape, BufferFormat format);

// A StepKernel around one primitive. Arguments are gathered in load() and bind().
class PrimitiveKernel : public StepKernel {
 public:
  // Which oneDNN argument each of the node's inputs is; 0: none (constants, which load() adds, and
  // an input that the output overwrites).
  struct Argument {
    int dnnl = 0;
    dnnl::memory::desc desc;
  };

  PrimitiveKernel(dnnl::primitive primitive, std::vector<Argument> inputs, Argument output,
                  dnnl::memory::desc scratchpad);
  PrimitiveKernel(const PrimitiveKernel& other);
  PrimitiveKernel& operator=(const PrimitiveKernel&) = delete;

  void load(const Constants&, std::span<const ValueId>) override {}
  void bind(const StepPointers& pointers) override;
  void run(ExecutionContext& context) override;

 protected:
  // Adds an argument that stays the same in all runs.
  void add_constant(int argument, std::shared_ptr<const dnnl::memory> memory);

 private:
  struct Bound {
    int input = -1;  // -1: output, -2: workspace
    dnnl::memory memory;
  };
  void add_bound(int argument, int input, const dnnl::memory::desc& desc);

  dnnl::primitive primitive_;
  std::vector<dnnl_exec_arg_t> arguments_;  // the bound ones, in their order, then the constants
  std::vector<Bound> bound_;
  std::vector<std::shared_ptr<const dnnl::memory>> constants_;
};

// Sets the number of threads that oneDNN and our own loops use in this thread, for one scope.
class ThreadScope {
 public:
  explicit ThreadScope(int threads);
  ~ThreadScope();
  ThreadScope(const ThreadScope&) = delete;
  ThreadScope& operator=(const ThreadScope&) = delete;

 private:
  int previous_;
};

}  // namespace nestor::cpu
