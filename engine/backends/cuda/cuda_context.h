#pragma once
// What a session's thread runs CUDA steps with: a stream, and pinned memory for the input.
//
// The first run of a plan captures its steps as one graph, which later runs launch. A run is over
// when its outputs are on the host, so there is never more than one run in the stream.

#include "engine/backend.h"
#include "engine/backends/cuda/device_memory.h"

namespace nestor::cuda {

class CudaContext : public ExecutionContext {
 public:
  explicit CudaContext(Runtime runtime) : runtime_(std::move(runtime)), stream_(runtime_) {}

  Stream stream() const { return stream_.get(); }

  void upload(void* dst, const void* src, std::size_t bytes) override;
  void run(StepKernels steps, std::unique_ptr<Recording>& recording) override;
  void download(std::span<const Download> outputs) override;
  std::vector<double> time_steps(StepKernels steps) override;

 private:
  void begin() noexcept override {}
  // Waits for what an error left in the stream, so that memory it uses can be given back.
  void end() noexcept override;

  std::unique_ptr<Recording> record(StepKernels steps);

  Runtime runtime_;
  OwnedStream stream_;
  Memory staging_;
  bool busy_ = false;  // whether work was given to the stream and not waited for
};

}  // namespace nestor::cuda
