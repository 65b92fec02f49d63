#include "engine/backends/cuda/device_memory.h"

#include "engine/backends/cuda/check.h"

namespace nestor::cuda {

Memory::Memory(Runtime runtime, std::size_t bytes, Place place)
    : runtime_(std::move(runtime)), bytes_(bytes), place_(place) {
  if (bytes == 0) return;
  if (place == Place::kDevice) {
    DEVICE_CHECK(runtime_->allocate(data_, bytes));
  } else {
    DEVICE_CHECK(runtime_->allocate_pinned(data_, bytes));
  }
}

Memory::~Memory() {
  if (data_ == nullptr) return;
  static_cast<void>(place_ == Place::kDevice ? runtime_->release(data_)
                                             : runtime_->release_pinned(data_));
}

OwnedStream::OwnedStream(Runtime runtime) : runtime_(std::move(runtime)) {
  DEVICE_CHECK(runtime_->create_stream(stream_));
}

OwnedEvent::OwnedEvent(Runtime runtime) : runtime_(std::move(runtime)) {
  DEVICE_CHECK(runtime_->create_event(event_));
}

}  // namespace nestor::cuda
