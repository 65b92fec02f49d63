// Device memory. A device address is not a host address: host code that follows one faults, and so
// does a kernel that follows a host address.
#pragma once

#include <cstddef>
#include <map>
#include <optional>

#include "module.h"

namespace nestor::ptx {

class DeviceMemory {
 public:
  static DeviceMemory& get();

  // Aligned to 256 bytes, filled with ones (NaN as fp32, fp16 and bf16). 0 if there is no room.
  u64 allocate(u64 bytes);
  bool release(u64 address);  // false if it is not the beginning of a block
  // The block that the address lies in: its beginning and end; nothing if there is none.
  struct Block {
    u64 begin, end;
  };
  std::optional<Block> find(u64 address) const;
  bool owns(const void* pointer) const;  // any address of the device's window
  u8* host(u64 address) const { return reinterpret_cast<u8*>(address + delta_); }
  u64 used() const { return used_; }
  u64 total() const { return total_; }
  std::size_t num_blocks() const { return blocks_.size(); }

 private:
  DeviceMemory();
  u64 window_ = 0, delta_ = 0, used_ = 0, total_ = 0, span_ = 0;
  std::map<u64, u64> blocks_;  // begin, end (as asked for)
};

}  // namespace nestor::ptx
