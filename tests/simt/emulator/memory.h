#pragma once
// The emulated device's global memory: real memory, filled with NaN, whose extents are known so
// that every access can be checked.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace nestor::simt {

// Who accessed 2 bytes of global memory last; kept in race builds only.
struct GlobalCell {
  std::uint32_t launch = 0;  // of the records below; those of earlier launches are in order
  std::uint32_t write_block = 0, write_epoch = 0;
  std::uint32_t read_block = 0, read_epoch = 0;
  std::uint16_t write_thread = 0, read_thread = 0;
  bool written = false, written_atomically = false, read = false;
  bool initialised = false;  // ever
};

struct Allocation {
  unsigned char* begin = nullptr;
  std::size_t num_bytes = 0;
  GlobalCell* cells = nullptr;

  // Whether the address is behind the end, in the gap before the next allocation.
  bool is_in_gap(const void* address) const;
  bool contains(const void* address) const {
    return static_cast<std::size_t>(static_cast<const unsigned char*>(address) - begin) < num_bytes;
  }
};

class DeviceMemory {
 public:
  using Snapshot = std::shared_ptr<const std::vector<Allocation>>;  // in the order of addresses

  // The process's one.
  static DeviceMemory& get();

  // Null where there is no memory.
  void* allocate(std::size_t num_bytes);
  // False where `pointer` is not the begin of an allocation.
  bool release(void* pointer, std::size_t& num_bytes);

  // What launches check accesses against.
  Snapshot snapshot() const;

  // True if these bytes lie within one allocation.
  bool contains(const void* pointer, std::size_t num_bytes) const;
  // Race builds: as if a kernel of an earlier launch had written these bytes.
  void mark_initialised(const void* pointer, std::size_t num_bytes);

 private:
  mutable std::mutex mutex_;
  Snapshot allocations_ = std::make_shared<std::vector<Allocation>>();
};

// Writes behind the end of an allocation, which only race builds and AddressSanitizer see when they
// happen: whether the bytes there are what they were.
bool gap_is_untouched(const Allocation& allocation);

// The allocation that begins at or below the address, or null.
const Allocation* find(const std::vector<Allocation>& allocations, const void* address);

}  // namespace nestor::simt
