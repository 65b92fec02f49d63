#include "memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

namespace nestor::ptx {

namespace {
constexpr u64 kGuard = 4096;  // between blocks: running over an end is noticed
u64 round_up(u64 value, u64 to) { return (value + to - 1) / to * to; }
}  // namespace

DeviceMemory& DeviceMemory::get() {
  static DeviceMemory* memory = new DeviceMemory;  // never destroyed: used by destructors of others
  return *memory;
}

DeviceMemory::DeviceMemory() {
  const char* megabytes = std::getenv("PTX_MEMORY_MB");
  total_ = (megabytes != nullptr ? std::strtoull(megabytes, nullptr, 10) : 16384) << 20;
  span_ = 2 * total_;
  void* window =
      mmap(nullptr, span_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  void* backing = mmap(nullptr, span_, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (window == MAP_FAILED || backing == MAP_FAILED)
    throw Fault("no address space for device memory");
  window_ = reinterpret_cast<u64>(window);
  delta_ = reinterpret_cast<u64>(backing) - window_;
}

u64 DeviceMemory::allocate(u64 bytes) {
  const u64 room = round_up(bytes, 256);
  if (room < bytes || room > total_ - used_) return 0;
  // First fit.
  u64 at = window_ + kGuard;
  for (const auto& [begin, end] : blocks_) {
    if (at + room + kGuard <= begin) break;
    at = round_up(end, 256) + kGuard;
  }
  if (at + room > window_ + span_) return 0;
  blocks_[at] = at + bytes;
  used_ += room;
  constexpr u64 kFilled = u64{512} << 20;  // more is not touched
  std::memset(host(at), 0xff, room < kFilled ? room : kFilled);
  return at;
}

bool DeviceMemory::release(u64 address) {
  const auto block = blocks_.find(address);
  if (block == blocks_.end()) return false;
  const u64 room = round_up(block->second - block->first, 256);
  used_ -= room;
  blocks_.erase(block);
  const u64 first = round_up(address, 4096), last = (address + room) & ~u64{4095};
  if (first < last) madvise(host(first), last - first, MADV_DONTNEED);
  return true;
}

std::optional<DeviceMemory::Block> DeviceMemory::find(u64 address) const {
  auto block = blocks_.upper_bound(address);
  if (block == blocks_.begin()) return std::nullopt;
  --block;
  if (address >= block->second) return std::nullopt;
  return Block{block->first, block->second};
}

bool DeviceMemory::owns(const void* pointer) const {
  const u64 address = reinterpret_cast<u64>(pointer);
  return address >= window_ && address < window_ + span_;
}

}  // namespace nestor::ptx
