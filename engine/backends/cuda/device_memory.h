#pragma once
// What a device lends, given back at the end. Destructors cannot report: a failing release is the
// device's end, and the next call says so.

#include <cstddef>
#include <memory>
#include <utility>

#include "kernels/runtime/runtime.h"

namespace nestor::cuda {

using Runtime = std::shared_ptr<DeviceRuntime>;

// Memory of the device, or pinned memory of the host.
class Memory {
 public:
  enum class Place { kDevice, kPinnedHost };

  Memory() = default;
  // Throws kOutOfMemory. No bytes: no memory.
  Memory(Runtime runtime, std::size_t bytes, Place place);
  Memory(Memory&& other) noexcept { swap(other); }
  Memory& operator=(Memory&& other) noexcept {
    Memory(std::move(other)).swap(*this);
    return *this;
  }
  ~Memory();

  void* get() const { return data_; }
  std::size_t bytes() const { return bytes_; }

 private:
  void swap(Memory& other) noexcept {
    std::swap(runtime_, other.runtime_);
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    std::swap(place_, other.place_);
  }

  Runtime runtime_;
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
  Place place_ = Place::kDevice;
};

class OwnedStream {
 public:
  explicit OwnedStream(Runtime runtime);
  ~OwnedStream() { static_cast<void>(runtime_->destroy_stream(stream_)); }
  OwnedStream(const OwnedStream&) = delete;
  OwnedStream& operator=(const OwnedStream&) = delete;

  Stream get() const { return stream_; }

 private:
  Runtime runtime_;
  Stream stream_ = nullptr;
};

class OwnedEvent {
 public:
  explicit OwnedEvent(Runtime runtime);
  ~OwnedEvent() { static_cast<void>(runtime_->destroy_event(event_)); }
  OwnedEvent(const OwnedEvent&) = delete;
  OwnedEvent& operator=(const OwnedEvent&) = delete;

  Event get() const { return event_; }

 private:
  Runtime runtime_;
  Event event_ = nullptr;
};

}  // namespace nestor::cuda
