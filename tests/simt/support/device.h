#pragma once
// A device for tests of kernels: the emulator in this build, or the first GPU in
// nestor_device_tests. Tests that use nothing else run unchanged on both.

#include <cstddef>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "kernels/device/launch.h"

namespace nestor::test {

inline void check(DeviceStatus status) {
  if (!status.ok()) throw std::runtime_error(status.what);
}

class Device {
 public:
  explicit Device(std::unique_ptr<DeviceRuntime> runtime) : runtime_(std::move(runtime)) {
    check(runtime_->create_stream(stream_));
    DeviceProperties properties;
    check(runtime_->properties(properties));
    sm_ = properties.sm;
  }
  ~Device() { static_cast<void>(runtime_->destroy_stream(stream_)); }
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  DeviceRuntime& runtime() { return *runtime_; }
  Stream stream() const { return stream_; }
  int sm() const { return sm_; }
  void synchronize() { check(runtime_->synchronize(stream_)); }

 private:
  std::unique_ptr<DeviceRuntime> runtime_;
  Stream stream_ = nullptr;
  int sm_ = 0;
};

// Memory of a device, freed at the end.
template <class T>
class Array {
 public:
  Array(Device& device, std::size_t size) : device_(device), size_(size) {
    void* pointer = nullptr;
    check(device.runtime().allocate(pointer, size * sizeof(T)));
    data_ = static_cast<T*>(pointer);
  }
  Array(Device& device, const std::vector<T>& values) : Array(device, values.size()) {
    check(
        device.runtime().copy_to_device(data_, values.data(), size_ * sizeof(T), device.stream()));
    device.synchronize();
  }
  ~Array() { static_cast<void>(device_.runtime().release(data_)); }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;

  T* data() const { return data_; }
  std::size_t size() const { return size_; }

  // Waits for the stream.
  std::vector<T> values() const {
    std::vector<T> copy(size_);
    check(device_.runtime().copy_to_host(copy.data(), data_, size_ * sizeof(T), device_.stream()));
    device_.synchronize();
    return copy;
  }

 private:
  Device& device_;
  std::size_t size_ = 0;
  T* data_ = nullptr;
};

// Runs the test on every device there is for it: in the emulator in several schedules, as the
// oldest architecture that has what is tested and as sm_90; on a GPU once, and not at all on one
// older than that. Returns how often.
int for_each_device(int oldest_sm, const std::function<void(Device&)>& test);

}  // namespace nestor::test
