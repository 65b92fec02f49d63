#include "tests/ptx/machine/executor.h"

namespace nestor::ptx {

void Executor::special(const Op& op) {
  const auto uniform_value = [&](u32 value) { map<u32>(op, [=](int) { return value; }); };
  const u32 base = static_cast<u32>(warp_->index) * kLanes;
  const u32 x = launch_.block[0], y = launch_.block[1];
  switch (static_cast<SpecialRegister>(op.sub)) {
    case SpecialRegister::kTidX:
      map<u32>(op, [=](int l) { return (base + static_cast<u32>(l)) % x; });
      break;
    case SpecialRegister::kTidY:
      map<u32>(op, [=](int l) { return (base + static_cast<u32>(l)) / x % y; });
      break;
    case SpecialRegister::kTidZ:
      map<u32>(op, [=](int l) { return (base + static_cast<u32>(l)) / x / y; });
      break;
    case SpecialRegister::kNtidX: uniform_value(launch_.block[0]); break;
    case SpecialRegister::kNtidY: uniform_value(launch_.block[1]); break;
    case SpecialRegister::kNtidZ: uniform_value(launch_.block[2]); break;
    case SpecialRegister::kCtaidX: uniform_value(block_->index[0]); break;
    case SpecialRegister::kCtaidY: uniform_value(block_->index[1]); break;
    case SpecialRegister::kCtaidZ: uniform_value(block_->index[2]); break;
    case SpecialRegister::kNctaidX: uniform_value(launch_.grid[0]); break;
    case SpecialRegister::kNctaidY: uniform_value(launch_.grid[1]); break;
    case SpecialRegister::kNctaidZ: uniform_value(launch_.grid[2]); break;
    case SpecialRegister::kLaneid: map<u32>(op, [](int l) { return static_cast<u32>(l); }); break;
    case SpecialRegister::kWarpid: uniform_value(static_cast<u32>(warp_->index)); break;
    case SpecialRegister::kNwarpid: uniform_value((threads_ + 31) / 32); break;
    case SpecialRegister::kLanemaskLt: map<u32>(op, [](int l) { return (1u << l) - 1; }); break;
    case SpecialRegister::kLanemaskLe: map<u32>(op, [](int l) { return (2u << l) - 1; }); break;
    case SpecialRegister::kLanemaskEq: map<u32>(op, [](int l) { return 1u << l; }); break;
    case SpecialRegister::kLanemaskGe: map<u32>(op, [](int l) { return ~((1u << l) - 1); }); break;
    case SpecialRegister::kLanemaskGt: map<u32>(op, [](int l) { return ~((2u << l) - 1); }); break;
    case SpecialRegister::kDynamicShared: uniform_value(launch_.dynamic_shared); break;
    case SpecialRegister::kClock: unknown(op);
  }
}

}  // namespace nestor::ptx
