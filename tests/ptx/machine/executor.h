// Executes blocks of one launch, a few at a time, warp by warp. Of a warp that waits or has used up
// its turn everything is in its Warp; of the warp whose turn it is, what is needed often is here.
#pragma once

#include <bit>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "tests/ptx/machine/block.h"
#include "tests/ptx/machine/machine.h"
#include "tests/ptx/machine/memory.h"
#include "tests/ptx/machine/options.h"

namespace nestor::ptx {

// Generic addresses of what is not global memory.
constexpr u64 kSharedWindow = u64{1} << 56, kLocalWindow = u64{2} << 56,
              kParamWindow = u64{3} << 56;
constexpr u64 kWindowMask = u64{0xff} << 56;

enum class Stop { kQuantum, kBarrier, kExit };

// Of the launch that is being executed (with PTX_GLOBAL_RACE=1).
extern GlobalRaces global_races;

class Executor {
 public:
  Executor(const Launch& launch, u64 seed)
      : launch_(launch), kernel_(*launch.kernel), random_(seed) {
    ops_ = kernel_.ops.data();
    covered_ = kernel_.covered.data();
    extra_ = kernel_.extra.data();
    constants_ = const_cast<u32*>(kernel_.constants.data());
    threads_ = launch.block[0] * launch.block[1] * launch.block[2];
  }

  void run_blocks(const std::function<bool(u32*)>& next);

  u64 thread_instructions() const { return thread_instructions_; }
  u64 warp_instructions() const { return warp_instructions_; }
  u64 num_blocks() const { return blocks_; }

 private:
  // schedule.cpp: blocks and turns of warps.
  void start(Block& block, const u32* index);
  void turn(Block& block, Warp& warp, u64 quantum);
  void finish(Block& block);
  [[noreturn]] void deadlock(const Block& block);
  std::string where(const Block& block) const;
  [[noreturn]] void fault(const Op& op, int lane, const std::string& what) const;
  [[noreturn]] void unknown(const Op& op);

  // run.cpp: the main loop.
  Stop run(u64 quantum);
  bool branch(const Op& op);
  bool end_lanes(const Op& op);
  bool run_warp_function(const Op& op, bool guarded);

  // divergence.cpp: lanes at different places.
  void reconverge();
  bool gather(const Op& op, u32 mask);
  u32 uniform(const Op& op, u32 operand);
  void set_active();

  // barriers.cpp, warp_functions.cpp, fragments.cpp, async_copies.cpp
  u32 living(const Block& block) const;
  void complete(Block& block, u32 index);
  bool barrier(const Op& op, bool wait);
  void shuffle(const Op& op);
  void vote(const Op& op);
  void ldmatrix(const Op& op);
  void check_matrix_races(const Op& op, const u64* rows);
  void tensor(const Op& op);
  void copy_async(const Op& op);
  void copy_wait(const Op& op);
  void deliver(Block& block, const Copy& copy);

  // addresses.cpp: host addresses of what the lanes access, all of them checked.
  void addresses(const Op& op, u64* out);
  void translate(const Op& op, Space space, const u64* address, u32 mask, u32 bytes, bool write,
                 u8** out);
  void translate_shared(const Op& op, const u64* address, u32 mask, u32 bytes, u8** out);
  void translate_global(const Op& op, const u64* address, u32 mask, u32 bytes, bool write,
                        u8** out);
  void translate_local(const Op& op, const u64* address, u32 mask, u32 bytes, u8** out);
  void translate_param(const Op& op, const u64* address, u32 mask, u32 bytes, bool write, u8** out);
  void translate_generic(const Op& op, const u64* address, u32 mask, u32 bytes, bool write,
                         u8** out);
  void enter_block_of(const Op& op, int lane, u64 address, u32 bytes, bool write);
  void check_races(const Op& op, const u64* address, u32 mask, u32 bytes, bool write);
  void check_global_races(const Op& op, const u64* address, u32 mask, u32 bytes, bool write);
  static std::string misaligned(u64 address, u32 bytes);

  // loads_and_stores.cpp, atomics.cpp
  void load(const Op& op);
  template <class E, class R>
  void load_elements(const Op& op, u8* const* from, u32 mask);
  void store(const Op& op);
  template <class E, class R>
  void store_elements(const Op& op, u8* const* to, u32 mask);
  void atomic(const Op& op);
  template <class T>
  void atomic_lanes(const Op& op, u8* const* place, u32 mask);

  // arithmetic.cpp, and a file for each kind of operation on registers.
  void arithmetic(const Op& op);
  void sums(const Op& op);
  void directed(const Op& op);
  void float_result(const Op& op);
  void divisions(const Op& op);
  void bits(const Op& op);
  void moves(const Op& op);
  void functions(const Op& op);
  void convert(const Op& op);
  void special(const Op& op);
  void compare_lanes(const Op& op);
  template <class T>
  u32 compare_mask(const Op& op);
  template <class T, class Narrow>
  u32 compare_narrow(const Op& op, Narrow narrow);

  static int first_lane(u32 mask) { return mask == 0 ? 0 : std::countr_zero(mask); }
  u32* at(u32 operand) {
    return (operand & kConstant) != 0
               ? constants_ + static_cast<std::size_t>(operand & ~kConstant) * kLanes
               : rows_ + static_cast<std::size_t>(operand) * kLanes;
  }
  template <class T>
  T* as(u32 operand) {
    return reinterpret_cast<T*>(at(operand));
  }
  template <class F>
  void each(u32 mask, F&& f) {
    if (mask == ~0u) {
      for (int lane = 0; lane < kLanes; ++lane) f(lane);
    } else {
      for (u32 rest = mask; rest != 0; rest &= rest - 1) f(std::countr_zero(rest));
    }
  }
  // d[lane] = f(lane) in the active lanes.
  template <class D, class F>
  __attribute__((always_inline)) void map(const Op& op, F f) {
    D* d = as<D>(op.d);
    if (warp_->active == ~0u) {
#pragma GCC ivdep
      for (int lane = 0; lane < kLanes; ++lane) d[lane] = f(lane);
    } else {
      for (u32 rest = warp_->active; rest != 0; rest &= rest - 1) {
        const int lane = std::countr_zero(rest);
        d[lane] = f(lane);
      }
    }
  }
  template <class T, class F>
  __attribute__((always_inline)) void unary(const Op& op, F f) {
    const T* a = as<T>(op.a);
    map<T>(op, [=](int l) { return f(a[l]); });
  }
  template <class T, class F>
  __attribute__((always_inline)) void binary(const Op& op, F f) {
    const T *a = as<T>(op.a), *b = as<T>(op.b);
    map<T>(op, [=](int l) { return f(a[l], b[l]); });
  }
  template <class T, class F>
  __attribute__((always_inline)) void ternary(const Op& op, F f) {
    const T *a = as<T>(op.a), *b = as<T>(op.b), *c = as<T>(op.c);
    map<T>(op, [=](int l) { return f(a[l], b[l], c[l]); });
  }
  template <class F>
  void halves(const Op& op, F f) {  // f of each half of 32 bits
    const u32 *a = at(op.a), *b = op.b == kNoOperand ? nullptr : at(op.b),
              *c = op.c == kNoOperand ? nullptr : at(op.c);
    const bool pair = op.type == Type::kF16x2 || op.type == Type::kBf16x2;
    map<u32>(op, [=](int l) {
      const u32 bl = b == nullptr ? 0 : b[l], cl = c == nullptr ? 0 : c[l];
      u32 result = f(a[l] & 0xffff, bl & 0xffff, cl & 0xffff) & 0xffff;
      if (pair) result |= f(a[l] >> 16, bl >> 16, cl >> 16) << 16;
      return result;
    });
  }

  const Launch& launch_;
  const Kernel& kernel_;
  std::mt19937_64 random_;
  const Op* ops_ = nullptr;
  u8* covered_ = nullptr;
  const u32* extra_ = nullptr;
  u32* constants_ = nullptr;
  u32 threads_ = 0;
  std::vector<std::unique_ptr<Block>> spare_;
  // Of the warp whose turn it is.
  Block* block_ = nullptr;
  Warp* warp_ = nullptr;
  u32* rows_ = nullptr;
  u32* preds_ = nullptr;
  u32 pc_ = 0, num_active_ = 0;
  alignas(32) u32 lanes_[kLanes] = {};
  bool current_waits_ = false;
  // The block of global memory that was accessed last.
  u64 block_begin_ = 1, block_end_ = 0;
  const u64 delta_ = reinterpret_cast<u64>(DeviceMemory::get().host(0));
  u64 thread_instructions_ = 0, warp_instructions_ = 0, blocks_ = 0;
};

}  // namespace nestor::ptx
