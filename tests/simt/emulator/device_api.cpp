#include "emulator/device_api.h"

#include "emulator/worker.h"

namespace nestor::simt {
namespace {

// Blocks may run on several workers: real atomics.
std::uint32_t apply(Atomic operation, std::uint32_t* address, std::uint32_t value) {
  const auto as_signed = [](std::uint32_t bits) { return static_cast<std::int32_t>(bits); };
  std::uint32_t old = __atomic_load_n(address, __ATOMIC_SEQ_CST);
  std::uint32_t wanted = 0;
  do {
    switch (operation) {
      case Atomic::kAdd: wanted = old + value; break;
      case Atomic::kMaxSigned: wanted = as_signed(old) > as_signed(value) ? old : value; break;
      case Atomic::kMaxUnsigned: wanted = old > value ? old : value; break;
      case Atomic::kMinSigned: wanted = as_signed(old) < as_signed(value) ? old : value; break;
      case Atomic::kMinUnsigned: wanted = old < value ? old : value; break;
      case Atomic::kOr: wanted = old | value; break;
      case Atomic::kExchange: wanted = value; break;
    }
  } while (!__atomic_compare_exchange_n(address, &old, wanted, false, __ATOMIC_SEQ_CST,
                                        __ATOMIC_SEQ_CST));
  return old;
}

}  // namespace

void warp_meet(const char* name, WarpOperation operation, void* argument, const CallSite& site) {
  current_worker->warp_meet(name, operation, argument, site);
}

void warp_sync(const CallSite& site) { current_worker->warp_sync(site); }

std::uint32_t warp_ballot(bool predicate, const char* name, const CallSite& site) {
  struct Argument {
    bool predicate;
    std::uint32_t ballot;
  };
  Argument argument{predicate, 0};
  const WarpOperation operation = [](void* const* arguments, const CallSite&) {
    std::uint32_t ballot = 0;
    for (int lane = 0; lane < 32; ++lane) {
      if (static_cast<const Argument*>(arguments[lane])->predicate) ballot |= 1u << lane;
    }
    for (int lane = 0; lane < 32; ++lane) {
      static_cast<Argument*>(arguments[lane])->ballot = ballot;
    }
  };
  warp_meet(name, operation, &argument, site);
  return argument.ballot;
}

void syncthreads(const CallSite& site) { current_worker->syncthreads(site); }

void named_barrier(int barrier, int num_threads, bool wait, const char* name,
                   const CallSite& site) {
  current_worker->named_barrier(barrier, num_threads, wait, name, site);
}

void* block_memory(std::size_t num_bytes, std::size_t alignment, bool& first,
                   const CallSite& site) {
  return current_worker->block_memory(num_bytes, alignment, first, site);
}

void add_shared_gap(const void* begin, std::size_t num_bytes) {
  current_worker->add_shared_gap(begin, num_bytes);
}

void check_smem_size(const CallSite& site) { current_worker->check_smem_size(site); }

void fail_index(int index, int size) {
  const CallSite site{nullptr, 0, __builtin_return_address(0)};
  current_worker->fail("index " + std::to_string(index) + " is out of bounds, there are " +
                           std::to_string(size) + " elements",
                       "a SharedArray", site);
}

void check_access(const void* address, std::size_t num_bytes, bool write, const CallSite& site) {
  current_worker->check_access(address, num_bytes, write, site);
}

void copy_unreported(void* to, const void* from, std::size_t num_bytes) {
  std::memcpy(to, from, num_bytes);
}

void async_copy_16(void* shared, const void* global, int num_bytes, const CallSite& site) {
  current_worker->async_copy_16(shared, global, num_bytes, site);
}

void async_copy_commit(const CallSite& site) {
  current_worker->require_sm(80, "async_copy_commit", site);
  current_worker->async_copy_commit();
}

void async_copy_wait(int num_groups, const CallSite& site) {
  current_worker->require_sm(80, "async_copy_wait", site);
  current_worker->async_copy_wait(num_groups);
}

void threadfence(const CallSite&) { current_worker->threadfence(); }

std::uint32_t atomic(Atomic operation, void* address, std::uint32_t value, const CallSite& site) {
  current_worker->check_atomic(address, site);
  return apply(operation, static_cast<std::uint32_t*>(address), value);
}

std::uint32_t atomic_cas(void* address, std::uint32_t expected, std::uint32_t value,
                         const CallSite& site) {
  current_worker->check_atomic(address, site);
  __atomic_compare_exchange_n(static_cast<std::uint32_t*>(address), &expected, value, false,
                              __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
  return expected;
}

void trap(const CallSite& site) { current_worker->fail("trapped", "__trap", site); }

}  // namespace nestor::simt
