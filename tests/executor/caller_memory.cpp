#include "tests/executor/caller_memory.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "nestor/error.h"

namespace nestor::test {

namespace {

void check(DeviceStatus status) {
  if (status.ok()) return;
  throw Error(status.code == DeviceCode::kDeviceLost    ? ErrorCode::kDeviceLost
              : status.code == DeviceCode::kOutOfMemory ? ErrorCode::kOutOfMemory
                                                        : ErrorCode::kInternal,
              status.what);
}

}  // namespace

DeviceArray::DeviceArray(DeviceRuntime& runtime, std::size_t count) : runtime_(runtime) {
  check(runtime_.allocate(data_, count * sizeof(float)));
}

DeviceArray::~DeviceArray() { static_cast<void>(runtime_.release(data_)); }

CallerStream::CallerStream(DeviceRuntime& runtime) : runtime_(runtime) {
  check(runtime_.create_stream(stream_));
}

CallerStream::~CallerStream() { static_cast<void>(runtime_.destroy_stream(stream_)); }

void CallerStream::synchronize() const { check(runtime_.synchronize(stream_)); }

CallerRun::CallerRun(DeviceRuntime& runtime, const TensorView& input,
                     const std::vector<std::vector<float>>& like)
    : runtime_(runtime),
      input_(input),
      device_input_(std::make_unique<DeviceArray>(
          runtime, static_cast<std::size_t>(input.desc.shape.num_elements()))) {
  for (const std::vector<float>& output : like) {
    device_outputs_.push_back(std::make_unique<DeviceArray>(runtime, output.size()));
    buffers_.push_back({device_outputs_.back()->data(), output.size() * sizeof(float)});
    results_.emplace_back(output.size());
  }
}

void CallerRun::enqueue(Session& session, const CallerStream& stream,
                        const std::vector<std::string>& taps) {
  check(runtime_.copy_to_device(device_input_->data(), input_.data, input_.bytes(), stream.get()));
  session.enqueue({input_.desc, device_input_->data()}, buffers_, stream.get(), taps);
  for (std::size_t i = 0; i < results_.size(); ++i) {
    check(runtime_.copy_to_host(results_[i].data(), buffers_[i].data, buffers_[i].bytes,
                                stream.get()));
  }
}

void CallerRun::enqueue_refused(Session& session, const CallerStream& stream) const {
  CHECK_THROWS_AS(session.enqueue({input_.desc, device_input_->data()}, buffers_, stream.get()),
                  Error);
}

void CallerRun::forget() {
  for (std::vector<float>& result : results_) std::ranges::fill(result, 0.0F);
}

}  // namespace nestor::test
