#include <cstring>

#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

void Executor::deliver(Block& block, const Copy& copy) {
  u8 bytes[16] = {};
  if (copy.from_source != 0)
    std::memcpy(bytes, reinterpret_cast<u8*>(copy.from + delta_), copy.from_source);
  std::memcpy(block.shared + copy.to, bytes, copy.bytes);
}

void Executor::copy_async(const Op& op) {
  u64 to[kLanes], from[kLanes];
  addresses(op, to);
  const u64* base = as<u64>(op.b);
  const u64 offset = static_cast<u64>(static_cast<i64>(static_cast<i32>(extra_[op.extra])));
  for (int lane = 0; lane < kLanes; ++lane) from[lane] = base[lane] + offset;
  const u32 bytes = op.count;
  const u32* wanted = op.c == kNoOperand ? nullptr : at(op.c);
  each(warp_->active, [&](int lane) {
    if (to[lane] % bytes != 0) fault(op, lane, "shared: " + misaligned(to[lane], bytes));
    if (from[lane] % bytes != 0) fault(op, lane, "global: " + misaligned(from[lane], bytes));
    if (to[lane] + bytes > block_->shared_bytes)
      fault(op, lane, "copies past the end of shared memory");
    const u32 read = wanted == nullptr ? bytes : wanted[lane];
    if (read > bytes)
      fault(op, lane, "copies " + std::to_string(read) + " of " + std::to_string(bytes) + " bytes");
    if (read != 0) {
      const auto block = DeviceMemory::get().find(from[lane]);
      if (!block || from[lane] + read > block->end)
        fault(op, lane, "copies from outside all global memory");
      if (options().global_races) {
        const char* wrong =
            global_races.access(block_->global, warp_->index, from[lane], read, false);
        if (wrong != nullptr)
          fault(op, lane, std::string("a race of blocks: copies from global memory, but ") + wrong);
      }
    }
    if (options().races) {
      const Races::Found found =
          block_->races.begin_copy(warp_->index, lane, static_cast<u32>(to[lane]), bytes);
      if (found.what != nullptr) {
        fault(op, lane,
              "a race: copies to shared address " + std::to_string(to[lane]) + ", which thread " +
                  std::to_string(found.warp * kLanes + found.lane) + " " + found.what);
      }
    }
    const Copy copy{static_cast<u8>(lane), static_cast<u8>(bytes),     static_cast<u8>(read),
                    warp_->groups[lane],   static_cast<u32>(to[lane]), from[lane]};
    if (!block_->late) deliver(*block_, copy);
    warp_->copies.push_back(copy);
  });
}

void Executor::copy_wait(const Op& op) {
  std::vector<Copy>& copies = warp_->copies;
  std::size_t kept = 0;
  for (const Copy& copy : copies) {
    const bool mine = (warp_->active >> copy.lane & 1) != 0;
    const u32 committed = warp_->groups[copy.lane];
    const bool arrives =
        op.imm < 0 || (copy.group < committed && committed - copy.group > static_cast<u32>(op.imm));
    if (mine && arrives) {
      if (block_->late) deliver(*block_, copy);
      if (options().races) block_->races.end_copy(warp_->index, copy.lane, copy.to, copy.bytes);
    } else {
      copies[kept++] = copy;
    }
  }
  copies.resize(kept);
}

}  // namespace nestor::ptx
