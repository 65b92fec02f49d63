#pragma once
// What a program that has a GPU of its own hands to Session::enqueue.

#include <memory>
#include <vector>

#include "nestor/session.h"
#include "tests/simt/support/device_library.h"

namespace nestor::test {

// float32 on the device. Like all here, throws Error where the runtime refuses.
class DeviceArray {
 public:
  DeviceArray(DeviceRuntime& runtime, std::size_t count);
  ~DeviceArray();
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  void* data() const { return data_; }

 private:
  DeviceRuntime& runtime_;
  void* data_ = nullptr;
};

class CallerStream {
 public:
  explicit CallerStream(DeviceRuntime& runtime);
  ~CallerStream();
  CallerStream(CallerStream&&) = delete;

  Stream get() const { return stream_; }
  void synchronize() const;

 private:
  DeviceRuntime& runtime_;
  Stream stream_ = nullptr;
};

// One run on a caller's stream: its input goes up, and its outputs come back, in that stream too.
class CallerRun {
 public:
  // `like`: outputs of the right sizes.
  CallerRun(DeviceRuntime& runtime, const TensorView& input,
            const std::vector<std::vector<float>>& like);

  void enqueue(Session& session, const CallerStream& stream, const std::vector<std::string>& taps);
  // CHECKs that the session refuses, since batches are pending.
  void enqueue_refused(Session& session, const CallerStream& stream) const;

  const std::vector<std::vector<float>>& results() const { return results_; }
  void forget();

 private:
  DeviceRuntime& runtime_;
  TensorView input_;
  std::vector<std::vector<float>> results_;  // outlive the device's memory, whose release waits
  std::unique_ptr<DeviceArray> device_input_;
  std::vector<std::unique_ptr<DeviceArray>> device_outputs_;
  std::vector<Session::DeviceBuffer> buffers_;
};

}  // namespace nestor::test
