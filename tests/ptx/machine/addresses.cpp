#include <algorithm>
#include <cstdio>

#include "tests/ptx/machine/executor.h"
#include "tests/ptx/machine/machine.h"

namespace nestor::ptx {

void Executor::addresses(const Op& op, u64* out) {
  if (op.a == kNoOperand) {
    std::fill_n(out, kLanes, static_cast<u64>(op.imm));
  } else if (op.flag) {
    const u32* base = at(op.a);
    const u32 offset = static_cast<u32>(op.imm);
    for (int lane = 0; lane < kLanes; ++lane) out[lane] = static_cast<u32>(base[lane] + offset);
  } else {
    const u64* base = as<u64>(op.a);
    const u64 offset = static_cast<u64>(op.imm);
    for (int lane = 0; lane < kLanes; ++lane) out[lane] = base[lane] + offset;
  }
}

void Executor::translate_shared(const Op& op, const u64* address, u32 mask, u32 bytes, u8** out) {
  each(mask, [&](int lane) {
    if (address[lane] % bytes != 0) fault(op, lane, misaligned(address[lane], bytes));
    if (address[lane] + bytes > block_->shared_bytes) {
      fault(op, lane,
            "shared address " + std::to_string(address[lane]) + " of " +
                std::to_string(block_->shared_bytes) + " bytes");
    }
    out[lane] = block_->shared + address[lane];
  });
}

// Remembers the block of global memory that the address lies in.
void Executor::enter_block_of(const Op& op, int lane, u64 address, u32 bytes, bool write) {
  const auto block = DeviceMemory::get().find(address);
  if (!block || address + bytes > block->end) {
    char text[160];
    std::snprintf(text, sizeof text,
                  "%s of %u bytes at global address 0x%llx, outside all memory (%s)",
                  write ? "a write" : "a read", bytes, static_cast<unsigned long long>(address),
                  block ? "runs over the end of a block" : "no block there");
    fault(op, lane, text);
  }
  block_begin_ = block->begin;
  block_end_ = block->end;
}

void Executor::translate_global(const Op& op, const u64* address, u32 mask, u32 bytes, bool write,
                                u8** out) {
  const u64 delta = delta_;
  each(mask, [&](int lane) {
    const u64 a = address[lane];
    if (a % bytes != 0) fault(op, lane, misaligned(a, bytes));
    if (a < block_begin_ || a + bytes > block_end_) enter_block_of(op, lane, a, bytes, write);
    out[lane] = reinterpret_cast<u8*>(a + delta);
  });
  if (options().global_races) check_global_races(op, address, mask, bytes, write);
}

void Executor::check_global_races(const Op& op, const u64* address, u32 mask, u32 bytes,
                                  bool write) {
  each(mask, [&](int lane) {
    if (op.code == Code::kAtom) {
      global_races.atomic(block_->global, warp_->index, address[lane]);
      return;
    }
    const char* wrong =
        global_races.access(block_->global, warp_->index, address[lane], bytes, write);
    if (wrong == nullptr) return;
    fault(op, lane,
          std::string("a race of blocks: ") + (write ? "writes" : "reads") +
              " global memory, but " + wrong + ", with nothing between that orders them");
  });
}

void Executor::translate_local(const Op& op, const u64* address, u32 mask, u32 bytes, u8** out) {
  const u64 bytes_each = static_cast<u64>(kernel_.local_bytes);
  each(mask, [&](int lane) {
    if (address[lane] % bytes != 0) fault(op, lane, misaligned(address[lane], bytes));
    if (address[lane] + bytes > bytes_each) fault(op, lane, "outside local memory");
    const u64 thread = static_cast<u64>(warp_->index * kLanes + lane);
    out[lane] = block_->local.data() + bytes_each * thread + address[lane];
  });
}

void Executor::translate_param(const Op& op, const u64* address, u32 mask, u32 bytes, bool write,
                               u8** out) {
  each(mask, [&](int lane) {
    if (write) fault(op, lane, "a write to a parameter");
    if (address[lane] % bytes != 0) fault(op, lane, misaligned(address[lane], bytes));
    if (address[lane] + bytes > launch_.params.size()) fault(op, lane, "outside the parameters");
    out[lane] = const_cast<u8*>(launch_.params.data()) + address[lane];
  });
}

void Executor::translate_generic(const Op& op, const u64* address, u32 mask, u32 bytes, bool write,
                                 u8** out) {
  u32 shared = 0, local = 0, param = 0;
  u64 inside[kLanes];
  each(mask, [&](int lane) {
    const u64 window = address[lane] & kWindowMask;
    inside[lane] = address[lane] & ~kWindowMask;
    if (window == kSharedWindow) shared |= 1u << lane;
    if (window == kLocalWindow) local |= 1u << lane;
    if (window == kParamWindow) param |= 1u << lane;
  });
  const u32 global = mask & ~(shared | local | param);
  if (shared != 0) translate(op, Space::kShared, inside, shared, bytes, write, out);
  if (local != 0) translate(op, Space::kLocal, inside, local, bytes, write, out);
  if (param != 0) translate(op, Space::kParam, inside, param, bytes, write, out);
  if (global != 0) translate(op, Space::kGlobal, address, global, bytes, write, out);
}

void Executor::translate(const Op& op, Space space, const u64* address, u32 mask, u32 bytes,
                         bool write, u8** out) {
  switch (space) {
    case Space::kShared:
      translate_shared(op, address, mask, bytes, out);
      if (options().races && op.code != Code::kAtom) check_races(op, address, mask, bytes, write);
      return;
    case Space::kGlobal:
    case Space::kConst: return translate_global(op, address, mask, bytes, write, out);
    case Space::kLocal: return translate_local(op, address, mask, bytes, out);
    case Space::kParam: return translate_param(op, address, mask, bytes, write, out);
    case Space::kGeneric: return translate_generic(op, address, mask, bytes, write, out);
  }
}

void Executor::check_races(const Op& op, const u64* address, u32 mask, u32 bytes, bool write) {
  each(mask, [&](int lane) {
    const Races::Found found =
        write ? block_->races.write(warp_->index, lane, static_cast<u32>(address[lane]), bytes)
              : block_->races.read(warp_->index, lane, static_cast<u32>(address[lane]), bytes);
    if (found.what != nullptr) {
      if (found.unset) {
        warn(demangle(kernel_.name) + ", line " + std::to_string(op.line) + " (" +
             launch_.module->line(op.line) + "): reads shared memory that nobody wrote");
      } else {
        fault(op, lane,
              std::string("a race: ") + (write ? "writes" : "reads") + " shared address " +
                  std::to_string(address[lane]) + ", which thread " +
                  std::to_string(found.warp * kLanes + found.lane) + " " + found.what +
                  ", with nothing between that orders them");
      }
    }
  });
}

std::string Executor::misaligned(u64 address, u32 bytes) {
  char text[96];
  std::snprintf(text, sizeof text, "address 0x%llx is not aligned to %u bytes",
                static_cast<unsigned long long>(address), bytes);
  return text;
}

}  // namespace nestor::ptx
