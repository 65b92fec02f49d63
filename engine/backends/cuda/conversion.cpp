#include "engine/backends/cuda/conversion.h"

#include "engine/backends/cuda/planned_kernel.h"
#include "engine/backends/cuda/step.h"

namespace nestor::cuda {

StepChoice choose_conversion(const Shape& shape, BufferFormat from, BufferFormat to,
                             CudaBackend& backend) {
  const auto bytes = static_cast<std::int64_t>(backend.buffer_bytes(shape, from) +
                                               backend.buffer_bytes(shape, to));
  StepChoice choice{.variant = "layout", .inputs = {from}, .output = to, .kernel = nullptr};
  choice.gpu = streaming_launch(ceil_div(shape.num_elements(), 8), bytes, 0, backend.spec());
  choice.kernel = std::make_unique<PlannedKernel>(backend, "convert");
  return choice;
}

}  // namespace nestor::cuda
