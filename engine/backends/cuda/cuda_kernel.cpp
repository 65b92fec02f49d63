#include "engine/backends/cuda/cuda_kernel.h"

#include <algorithm>
#include <cstring>

#include "engine/backends/cuda/check.h"
#include "engine/backends/cuda/cuda_context.h"
#include "engine/backends/cuda/half.h"

namespace nestor::cuda {

void Kernel::bind(const StepPointers& pointers) { pointers_ = pointers; }

void Kernel::run(ExecutionContext& context) {
  static_cast<void>(backend_.library());  // throws if the device is only described
  const DeviceStatus status = launch(static_cast<CudaContext&>(context).stream());
  check(status, name_.c_str(), __FILE__, __LINE__);
}

std::shared_ptr<const Memory> Kernel::array(const Constants& constants, ValueId id,
                                            std::int64_t padded, DeviceDType dtype) {
  const std::int64_t count = constants.desc(id).shape.num_elements();
  const bool half = dtype == DeviceDType::kFloat16;
  const std::string name =
      fmt::format("{} [{}] {}", constants.name(id), padded, half ? "float16" : "float32");
  const std::size_t bytes = static_cast<std::size_t>(padded) * (half ? 2 : 4);
  return backend_.constant(name, bytes, [&](std::byte* data) {
    const Constants::Tensor value = constants.value(id);
    if (half) {
      std::transform(value.data(), value.data() + count, reinterpret_cast<std::uint16_t*>(data),
                     to_half);
    } else {
      std::memcpy(data, value.data(), static_cast<std::size_t>(count) * sizeof(float));
    }
  });
}

}  // namespace nestor::cuda
