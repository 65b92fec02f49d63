#pragma once
// The list of operators.

#include <span>
#include <string>

#include "engine/graph/graph.h"

namespace nestor {

struct CpuVariant;    // engine/backends/cpu/cpu_backend.h
struct CudaVariants;  // engine/backends/cuda/cuda_backend.h

// An operator with the variants that devices offer for it: one line of registry.cpp.
struct AdmittedOp {
  const Op& (*op)();
  std::span<const CpuVariant> (*cpu)();
  CudaVariants (*cuda)();
};

std::span<const AdmittedOp> admitted_ops();

// Null if the operator is not in the list: no device runs it then.
const AdmittedOp* find_admitted(const Op& op);

// multiply_adds of operators that do no matrix work.
inline std::int64_t no_multiply_adds(const Node&, std::span<const TensorDesc>,
                                     std::span<const TensorDesc>) {
  return 0;
}

// describe of operators without parameters.
inline std::string no_description(const Node&) { return {}; }

}  // namespace nestor
