#include "engine/backends/cuda/cuda_context.h"

#include <algorithm>
#include <chrono>
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

// A stream is captured from here to finish(), or to the end of the scope if a step fails.
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

void CudaContext::reserve(Memory& memory, std::size_t bytes, Memory::Place place) const {
  if (bytes <= memory.bytes()) return;
  memory = Memory();
  memory = Memory(runtime_, bytes, place);
}

// What is given to the stream from now on comes after the last run on a stream of the caller's.
void CudaContext::come_after_enqueued() {
  if (!is_enqueued_) return;
  DEVICE_CHECK(runtime_->wait(stream(), enqueued_->get()));
  is_enqueued_ = false;
}

void CudaContext::upload(void* dst, const void* src, std::size_t bytes) {
  reserve(staging_, bytes, Memory::Place::kPinnedHost);
  std::memcpy(staging_.get(), src, bytes);
  busy_ = true;
  come_after_enqueued();
  DEVICE_CHECK(runtime_->copy_to_device(dst, staging_.get(), bytes, stream()));
}

std::unique_ptr<ExecutionContext::Recording> CudaContext::record(StepKernels steps) {
  DEVICE_CHECK(runtime_->make_current());
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

void CudaContext::submit(std::size_t slot_idx, const BoundSteps& bound, const void* src) {
  if (pipeline_ == nullptr) pipeline_ = std::make_unique<Pipeline>(runtime_);
  Slot& slot = pipeline_->slots[slot_idx];
  const std::size_t output_bytes =
      bound.outputs.empty() ? 0 : bound.outputs.back().offset + bound.outputs.back().bytes;
  reserve(slot.host_input, bound.input_bytes, Memory::Place::kPinnedHost);
  reserve(slot.device_input, bound.input_bytes, Memory::Place::kDevice);
  reserve(slot.device_outputs, output_bytes, Memory::Place::kDevice);
  reserve(slot.host_outputs, output_bytes, Memory::Place::kPinnedHost);
  if (bound.recording == nullptr) bound.recording = record(bound.steps);
  std::memcpy(slot.host_input.get(), src, bound.input_bytes);

  busy_ = in_flight_ = true;
  const Stream uploads = pipeline_->uploads.get(), downloads = pipeline_->downloads.get();
  DEVICE_CHECK(runtime_->copy_to_device(slot.device_input.get(), slot.host_input.get(),
                                        bound.input_bytes, uploads));
  DEVICE_CHECK(runtime_->record(slot.uploaded.get(), uploads));

  come_after_enqueued();
  DEVICE_CHECK(runtime_->wait(stream(), slot.uploaded.get()));
  DEVICE_CHECK(
      runtime_->copy_on_device(bound.input, slot.device_input.get(), bound.input_bytes, stream()));
  run(bound.steps, bound.recording);
  auto* const on_device = static_cast<std::byte*>(slot.device_outputs.get());
  auto* const on_host = static_cast<std::byte*>(slot.host_outputs.get());
  for (const Download& output : bound.outputs) {
    DEVICE_CHECK(
        runtime_->copy_on_device(on_device + output.offset, output.src, output.bytes, stream()));
  }
  DEVICE_CHECK(runtime_->record(slot.computed.get(), stream()));

  DEVICE_CHECK(runtime_->wait(downloads, slot.computed.get()));
  DEVICE_CHECK(runtime_->copy_to_host(on_host, on_device, output_bytes, downloads));
  DEVICE_CHECK(runtime_->record(slot.downloaded.get(), downloads));
  busy_ = false;
}

const void* CudaContext::collect(std::size_t slot_idx) {
  Slot& slot = pipeline_->slots[slot_idx];
  busy_ = true;
  DEVICE_CHECK(runtime_->synchronize(slot.downloaded.get()));
  busy_ = false;
  return slot.host_outputs.get();
}

void CudaContext::enqueue(const BoundSteps& bound, const void* src, std::span<void* const> dst,
                          void* stream) {
  if (enqueued_ == nullptr) enqueued_ = std::make_unique<OwnedEvent>(runtime_);
  if (bound.recording == nullptr) bound.recording = record(bound.steps);
  caller_ = static_cast<Stream>(stream);
  busy_ = in_flight_ = true;
  // Runs of our own stream have been waited for.
  if (is_enqueued_) DEVICE_CHECK(runtime_->wait(caller_, enqueued_->get()));
  DEVICE_CHECK(runtime_->copy_on_device(bound.input, src, bound.input_bytes, caller_));
  const DeviceGraph graph = static_cast<const Graph&>(*bound.recording).get();
  DEVICE_CHECK(runtime_->launch_graph(graph, caller_));
  for (std::size_t i = 0; i < dst.size(); ++i) {
    const Download& output = bound.outputs[i];
    DEVICE_CHECK(runtime_->copy_on_device(dst[i], output.src, output.bytes, caller_));
  }
  DEVICE_CHECK(runtime_->record(enqueued_->get(), caller_));
  is_enqueued_ = true;
  busy_ = false;
  caller_ = nullptr;
}

void CudaContext::wait() {
  if (!in_flight_) return;
  if (is_enqueued_) DEVICE_CHECK(runtime_->synchronize(enqueued_->get()));
  is_enqueued_ = false;
  DEVICE_CHECK(runtime_->synchronize(stream()));
  if (pipeline_ != nullptr) DEVICE_CHECK(runtime_->synchronize(pipeline_->downloads.get()));
  in_flight_ = false;
}

RunTimes CudaContext::time_run(const BoundSteps& bound, const void* src, int count) {
  using Clock = std::chrono::steady_clock;
  const auto ms_since = [](Clock::time_point start) {
    return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  };
  const auto ms_between = [&](const OwnedEvent& from, const OwnedEvent& to) {
    float ms = 0;
    DEVICE_CHECK(runtime_->milliseconds(ms, from.get(), to.get()));
    return static_cast<double>(ms);
  };
  if (bound.recording == nullptr) bound.recording = record(bound.steps);
  const OwnedEvent begin(runtime_), uploaded(runtime_), computed(runtime_), downloaded(runtime_);
  RunTimes times;
  const Clock::time_point start = Clock::now();
  reserve(staging_, bound.input_bytes, Memory::Place::kPinnedHost);
  std::memcpy(staging_.get(), src,
              bound.input_bytes);  // before `begin`: the device has no part in it
  reserve(timed_input_, bound.input_bytes, Memory::Place::kDevice);
  busy_ = true;
  come_after_enqueued();
  DEVICE_CHECK(runtime_->record(begin.get(), stream()));
  DEVICE_CHECK(
      runtime_->copy_to_device(timed_input_.get(), staging_.get(), bound.input_bytes, stream()));
  DEVICE_CHECK(runtime_->record(uploaded.get(), stream()));
  const Clock::time_point enqueuing = Clock::now();
  for (int i = 0; i < count; ++i) {  // a run's steps may overwrite its input
    DEVICE_CHECK(
        runtime_->copy_on_device(bound.input, timed_input_.get(), bound.input_bytes, stream()));
    run(bound.steps, bound.recording);
  }
  times.enqueue_ms = ms_since(enqueuing) / count;
  DEVICE_CHECK(runtime_->record(computed.get(), stream()));
  for (const Download& output : bound.outputs) {
    DEVICE_CHECK(runtime_->copy_to_host(output.dst, output.src, output.bytes, stream()));
  }
  DEVICE_CHECK(runtime_->record(downloaded.get(), stream()));
  DEVICE_CHECK(runtime_->synchronize(stream()));
  times.total_ms = ms_since(start);
  busy_ = false;
  times.upload_ms = ms_between(begin, uploaded);
  times.compute_ms = ms_between(uploaded, computed) / count;
  times.download_ms = ms_between(computed, downloaded);
  return times;
}

std::vector<double> CudaContext::time_steps(StepKernels steps) {
  // Keeps the device busy while it is given the steps: short ones take less than their launches.
  DeviceProperties properties;
  DEVICE_CHECK(runtime_->properties(properties));
  const auto fill_bytes = 2 * static_cast<std::size_t>(std::max(properties.l2_bytes, 0));
  reserve(filled_, fill_bytes, Memory::Place::kDevice);
  DEVICE_CHECK(runtime_->make_current());
  std::vector<std::unique_ptr<OwnedEvent>> events;
  for (std::size_t i = 0; i <= steps.size(); ++i) {
    events.push_back(std::make_unique<OwnedEvent>(runtime_));
  }
  busy_ = true;
  for (std::size_t i = 0; i < steps.size(); i += 2) {
    DEVICE_CHECK(runtime_->fill(filled_.get(), 0, fill_bytes, stream()));
  }
  DEVICE_CHECK(runtime_->record(events[0]->get(), stream()));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    steps[i]->run(*this);
    DEVICE_CHECK(runtime_->record(events[i + 1]->get(), stream()));
  }
  DEVICE_CHECK(runtime_->synchronize(stream()));
  busy_ = false;
  filled_ = Memory();
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
  if (pipeline_ != nullptr) {
    static_cast<void>(runtime_->synchronize(pipeline_->uploads.get()));
    static_cast<void>(runtime_->synchronize(pipeline_->downloads.get()));
  }
  if (caller_ != nullptr) static_cast<void>(runtime_->synchronize(caller_));
  busy_ = false;
  caller_ = nullptr;
}

}  // namespace nestor::cuda
