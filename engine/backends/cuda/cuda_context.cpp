#include "engine/backends/cuda/cuda_context.h"

#include <cstring>

#include "engine/backends/cuda/check.h"

namespace nestor::cuda {

namespace {

class Graph : public ExecutionContext::Recording {
 public:
  Graph(Runtime runtime, DeviceGraph graph) : runtime_(std::move(runtime)), graph_(graph) {}
  ~Graph() override { static_cast<void>(runtime_->destroy_graph(graph_)); }

  DeviceGraph get() const { return graph_; }

 private:
  Runtime runtime_;
  DeviceGraph graph_;
};

// A stream is captured from here to finish(), or to the end of the scope where a step fails.
class Capture {
 public:
  Capture(const Runtime& runtime, Stream stream) : runtime_(runtime), stream_(stream) {
    DEVICE_CHECK(runtime_->begin_capture(stream_));
  }
  ~Capture() {
    if (stream_ == nullptr) return;
    DeviceGraph graph = nullptr;
    static_cast<void>(runtime_->end_capture(stream_, graph));
    if (graph != nullptr) static_cast<void>(runtime_->destroy_graph(graph));
  }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  DeviceGraph finish() {
    DeviceGraph graph = nullptr;
    DEVICE_CHECK(runtime_->end_capture(std::exchange(stream_, nullptr), graph));
    return graph;
  }

 private:
  const Runtime& runtime_;
  Stream stream_;
};

}  // namespace

void CudaContext::upload(void* dst, const void* src, std::size_t bytes) {
  if (bytes > staging_.bytes()) {
    staging_ = Memory();
    staging_ = Memory(runtime_, bytes, Memory::Place::kPinnedHost);
  }
  std::memcpy(staging_.get(), src, bytes);
  busy_ = true;
  DEVICE_CHECK(runtime_->copy_to_device(dst, staging_.get(), bytes, stream()));
}

std::unique_ptr<ExecutionContext::Recording> CudaContext::record(StepKernels steps) {
  Capture capture(runtime_, stream());
  for (const auto& step : steps) step->run(*this);
  return std::make_unique<Graph>(runtime_, capture.finish());
}

void CudaContext::run(StepKernels steps, std::unique_ptr<Recording>& recording) {
  if (recording == nullptr) recording = record(steps);
  busy_ = true;
  DEVICE_CHECK(runtime_->launch_graph(static_cast<const Graph&>(*recording).get(), stream()));
}

void CudaContext::download(std::span<const Download> outputs) {
  for (const Download& output : outputs) {
    DEVICE_CHECK(runtime_->copy_to_host(output.dst, output.src, output.bytes, stream()));
  }
  DEVICE_CHECK(runtime_->synchronize(stream()));
  busy_ = false;
}

std::vector<double> CudaContext::time_steps(StepKernels steps) {
  std::vector<std::unique_ptr<OwnedEvent>> events;
  for (std::size_t i = 0; i <= steps.size(); ++i) {
    events.push_back(std::make_unique<OwnedEvent>(runtime_));
  }
  busy_ = true;
  DEVICE_CHECK(runtime_->record(events[0]->get(), stream()));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i]->run(*this);
    DEVICE_CHECK(runtime_->record(events[i + 1]->get(), stream()));
  }
  DEVICE_CHECK(runtime_->synchronize(stream()));
  busy_ = false;
  std::vector<double> milliseconds;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    float elapsed = 0;
    DEVICE_CHECK(runtime_->milliseconds(elapsed, events[i]->get(), events[i + 1]->get()));
    milliseconds.push_back(static_cast<double>(elapsed));
  }
  return milliseconds;
}

void CudaContext::end() noexcept {
  if (!busy_) return;
  static_cast<void>(runtime_->synchronize(stream()));
  busy_ = false;
}

}  // namespace nestor::cuda
