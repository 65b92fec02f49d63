#include "bench/device_runs.h"

#include "engine/backends/cuda/check.h"
#include "engine/check.h"
#include "engine/session_internals.h"

namespace nestor {

namespace {

cuda::Runtime runtime_of(Backend& backend) {
  const auto* const gpu = dynamic_cast<CudaBackend*>(&backend);
  CHECK_AS(kUsage, gpu != nullptr && gpu->can_run(), "{} is no GPU", backend.name());
  return gpu->runtime();
}

}  // namespace

DeviceRuns::DeviceRuns(const std::string& device, Session& session, const TensorView& input)
    : session_(session),
      backend_(open_backend(device)),
      runtime_(runtime_of(*backend_)),
      stream_(runtime_),
      begin_(runtime_),
      end_(runtime_) {
  const auto allocate = [&](std::size_t bytes) {
    return memory_.emplace_back(runtime_, bytes, cuda::Memory::Place::kDevice).get();
  };
  void* const copy = allocate(input.bytes());
  DEVICE_CHECK(runtime_->copy_to_device(copy, input.data, input.bytes(), stream_.get()));
  input_ = {input.desc, copy};
  const Plan& plan = SessionInternals::plan(session_, input.desc);
  for (const PlanOutput& output : plan.outputs) {
    const Buffer& buffer = plan.buffers[static_cast<std::size_t>(output.buffer)];
    const auto bytes =
        static_cast<std::size_t>(buffer.shape.num_elements()) * size_bytes(buffer.format.dtype);
    outputs_.push_back({allocate(bytes), bytes});
  }
  enqueue();
  DEVICE_CHECK(runtime_->synchronize(stream_.get()));
}

void DeviceRuns::enqueue() { session_.enqueue(input_, outputs_, stream_.get()); }

double DeviceRuns::ms(int count) {
  DEVICE_CHECK(runtime_->record(begin_.get(), stream_.get()));
  for (int i = 0; i < count; ++i) enqueue();
  DEVICE_CHECK(runtime_->record(end_.get(), stream_.get()));
  DEVICE_CHECK(runtime_->synchronize(stream_.get()));
  float elapsed = 0;
  DEVICE_CHECK(runtime_->milliseconds(elapsed, begin_.get(), end_.get()));
  return static_cast<double>(elapsed) / count;
}

}  // namespace nestor
