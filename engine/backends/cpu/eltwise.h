#pragma once
// Functions of single elements, by oneDNN.

#include "engine/backends/cpu/cpu_backend.h"

namespace nestor::cpu {

// dst = algorithm(src) with oneDNN's parameter alpha, for a node of one input and one output.
StepChoice eltwise(const StepRequest& request, dnnl::algorithm algorithm, float alpha);

}  // namespace nestor::cpu
