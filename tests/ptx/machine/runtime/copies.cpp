#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

namespace {

struct Range {
  bool device = false, fine = true;
  u8* host = nullptr;
};

// Where bytes are for the host, and whether all of them are in one block of device memory.
Range range_of(const void* pointer, std::size_t bytes) {
  Range range;
  DeviceMemory& memory = DeviceMemory::get();
  range.device = memory.owns(pointer);
  if (!range.device) {
    range.host = static_cast<u8*>(const_cast<void*>(pointer));
    return range;
  }
  const u64 address = reinterpret_cast<u64>(pointer);
  const auto block = memory.find(address);
  range.fine = block && address + bytes <= block->end;
  range.host = memory.host(address);
  return range;
}

cudaError_t bad_range(const char* what, const void* pointer, std::size_t bytes) {
  std::fprintf(stderr, "ptx machine: %s: %zu bytes at %p are not in one block of device memory\n",
               what, bytes, pointer);
  return cudaErrorInvalidValue;
}

cudaError_t copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                 cudaStream_t stream) {
  if (bytes == 0) return cudaSuccess;
  const Range target = range_of(to, bytes), source = range_of(from, bytes);
  if (!target.fine) return report(bad_range("copy to", to, bytes));
  if (!source.fine) return report(bad_range("copy from", from, bytes));
  const bool to_device = kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice;
  const bool from_device = kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice;
  if (kind != cudaMemcpyDefault && (target.device != to_device || source.device != from_device)) {
    std::fprintf(stderr, "ptx machine: a copy of kind %d from %p to %p\n", static_cast<int>(kind),
                 from, to);
    return report(cudaErrorInvalidValue);
  }
  return enqueue(stream, [=]() -> cudaError_t {
    const Range t = range_of(to, bytes), s = range_of(from, bytes);
    if (!t.fine) return bad_range("copy to freed", to, bytes);
    if (!s.fine) return bad_range("copy from freed", from, bytes);
    std::memmove(t.host, s.host, bytes);
    return cudaSuccess;
  });
}

}  // namespace

}  // namespace nestor::ptx

using namespace nestor::ptx;

extern "C" {

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  *total = DeviceMemory::get().total();
  *free = *total - DeviceMemory::get().used();
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  if (bytes == 0) {
    *pointer = nullptr;
    return cudaSuccess;
  }
  const u64 address = DeviceMemory::get().allocate(bytes);
  if (address == 0) return report(cudaErrorMemoryAllocation);
  *pointer = reinterpret_cast<void*>(address);
  return cudaSuccess;
}

cudaError_t cudaFree(void* pointer) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (pointer == nullptr) return report(r.sticky);
  const cudaError_t error = r.drain();  // cudaFree waits for the device
  if (!DeviceMemory::get().release(reinterpret_cast<u64>(pointer)))
    return report(cudaErrorInvalidValue);
  return report(error);
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  *pointer = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (*pointer == nullptr) return report(cudaErrorMemoryAllocation);
  std::memset(*pointer, 0xff, bytes);
  runtime().pinned[*pointer] = bytes;
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* pointer) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (pointer == nullptr) return cudaSuccess;
  const cudaError_t error = r.drain();
  if (r.pinned.erase(pointer) == 0) return report(cudaErrorInvalidValue);
  std::free(pointer);
  return report(error);
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  return copy(to, from, bytes, kind, stream);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  const Lock lock(runtime().mutex);
  const cudaError_t error = copy(to, from, bytes, kind, nullptr);
  return error != cudaSuccess ? error : report(runtime().drain());
}

cudaError_t cudaMemsetAsync(void* pointer, int value, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (bytes == 0) return cudaSuccess;
  const Range range = range_of(pointer, bytes);
  if (!range.device || !range.fine) return report(bad_range("fill", pointer, bytes));
  return enqueue(stream, [=]() -> cudaError_t {
    const Range r = range_of(pointer, bytes);
    if (!r.fine) return bad_range("fill of freed", pointer, bytes);
    std::memset(r.host, value, bytes);
    return cudaSuccess;
  });
}

}  // extern "C"
