#include "emulator/memory.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "emulator/build.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace nestor::simt {
namespace {

constexpr std::size_t kAlignment = 256;  // of cudaMalloc
constexpr std::size_t kGap = 1024;       // behind each allocation, filled with a pattern
constexpr unsigned char kGapByte = 0xa5;

// Of an allocation with its gap.
std::size_t padded(std::size_t num_bytes) {
  return (num_bytes + kAlignment - 1) / kAlignment * kAlignment + kGap;
}

bool begins_before(const void* address, const Allocation& allocation) {
  return address < allocation.begin;
}

}  // namespace

const Allocation* find(const std::vector<Allocation>& allocations, const void* address) {
  const auto after =
      std::upper_bound(allocations.begin(), allocations.end(), address, begins_before);
  return after == allocations.begin() ? nullptr : &*(after - 1);
}

bool Allocation::is_in_gap(const void* address) const {
  const auto offset = static_cast<std::size_t>(static_cast<const unsigned char*>(address) - begin);
  return offset >= num_bytes && offset < padded(num_bytes);
}

bool gap_is_untouched(const Allocation& allocation) {
  if (kAddressBuild) return true;
  const unsigned char* gap = allocation.begin + allocation.num_bytes;
  return std::all_of(gap, gap + kGap, [](unsigned char byte) { return byte == kGapByte; });
}

DeviceMemory& DeviceMemory::get() {
  static auto* memory = new DeviceMemory;  // outlives whatever is destroyed at exit
  return *memory;
}

void* DeviceMemory::allocate(std::size_t num_bytes) {
  auto* begin = static_cast<unsigned char*>(std::aligned_alloc(kAlignment, padded(num_bytes)));
  if (begin == nullptr) return nullptr;
  std::memset(begin, 0xff, num_bytes);  // NaN, as half and as float
  std::memset(begin + num_bytes, kGapByte, padded(num_bytes) - num_bytes);
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(begin + num_bytes, padded(num_bytes) - num_bytes);
#endif
  Allocation made{begin, num_bytes, nullptr};
  if (kRaceBuild) {
    made.cells = static_cast<GlobalCell*>(std::calloc(num_bytes / 2 + 1, sizeof(GlobalCell)));
    if (made.cells == nullptr) {
      std::free(begin);
      return nullptr;
    }
  }
  const std::lock_guard lock(mutex_);
  auto changed = std::make_shared<std::vector<Allocation>>(*allocations_);
  changed->insert(std::upper_bound(changed->begin(), changed->end(), begin, begins_before), made);
  allocations_ = std::move(changed);
  return begin;
}

bool DeviceMemory::release(void* pointer, std::size_t& num_bytes) {
  Allocation found;
  {
    const std::lock_guard lock(mutex_);
    const Allocation* allocation = find(*allocations_, pointer);
    if (allocation == nullptr || allocation->begin != pointer) return false;
    found = *allocation;
    auto changed = std::make_shared<std::vector<Allocation>>(*allocations_);
    changed->erase(changed->begin() + (allocation - allocations_->data()));
    allocations_ = std::move(changed);
  }
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(found.begin, padded(found.num_bytes));
#endif
  num_bytes = found.num_bytes;
  std::free(found.cells);
  std::free(found.begin);
  return true;
}

DeviceMemory::Snapshot DeviceMemory::snapshot() const {
  const std::lock_guard lock(mutex_);
  return allocations_;
}

bool DeviceMemory::contains(const void* pointer, std::size_t num_bytes) const {
  const Snapshot allocations = snapshot();
  const Allocation* found = find(*allocations, pointer);
  if (found == nullptr) return false;
  const auto offset =
      static_cast<std::size_t>(static_cast<const unsigned char*>(pointer) - found->begin);
  return offset <= found->num_bytes && num_bytes <= found->num_bytes - offset;
}

void DeviceMemory::mark_initialised(const void* pointer, std::size_t num_bytes) {
  if (!kRaceBuild || num_bytes == 0) return;
  const Snapshot allocations = snapshot();
  const Allocation* found = find(*allocations, pointer);
  if (found == nullptr || !found->contains(pointer)) return;
  const auto begin =
      static_cast<std::size_t>(static_cast<const unsigned char*>(pointer) - found->begin);
  for (std::size_t cell = begin / 2; cell <= (begin + num_bytes - 1) / 2; ++cell) {
    found->cells[cell].initialised = true;
  }
}

}  // namespace nestor::simt
