#include "emulator/worker.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace nestor::simt {

__thread ThreadView* current_thread = nullptr;
__thread BlockView* current_block = nullptr;
__thread Worker* current_worker = nullptr;

namespace {

constexpr std::size_t kStackBytes = (kAddressBuild ? 256 : 64) * 1024;
constexpr std::size_t kGuardBytes = 4096;  // a stack that is too small ends the program at once
constexpr std::size_t kStackPitch = kStackBytes + kGuardBytes;

// Stacks begin at different lines of the first-level cache: 25 ns a switch become 10.
std::size_t stack_colour(int thread) {
  return static_cast<std::size_t>(thread) * 448 % 8192 / 64 * 64;
}

int lowest(std::uint32_t bits) { return __builtin_ctz(bits); }
int highest(std::uint32_t bits) { return 31 - __builtin_clz(bits); }

// One of the bits: the first at or above a random place, around the end.
int any(std::uint32_t bits, std::uint32_t random) {
  const std::uint32_t place = random % 32;
  const std::uint32_t turned = place == 0 ? bits : bits >> place | bits << (32 - place);
  return static_cast<int>((static_cast<std::uint32_t>(lowest(turned)) + place) % 32);
}

// The thread that has failed leaves its kernel.
struct Abandoned {};

std::string bytes(std::size_t num_bytes) { return std::to_string(num_bytes) + " bytes"; }

}  // namespace

int shared_limit(int sm) {
  switch (sm) {
    case 70: return 96 * 1024;
    case 75: return 64 * 1024;
    case 80: return 163 * 1024;
    case 86:
    case 89: return 99 * 1024;
    case 90: return 227 * 1024;
    default: throw std::invalid_argument("no architecture sm_" + std::to_string(sm));
  }
}

// --- one launch
// -------------------------------------------------------------------------------------

Worker::Worker() : threads_(std::make_unique<Thread[]>(kMaxThreads)) {
  void* memory = mmap(nullptr, kStackPitch * kMaxThreads, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  stacks_ = static_cast<char*>(memory);
  arena_ = static_cast<unsigned char*>(std::aligned_alloc(1024, kMaxSharedBytes + kArenaGap));
  if (arena_ == nullptr) throw std::bad_alloc();
  for (int i = 0; i < kMaxThreads; ++i) {
    mprotect(stacks_ + static_cast<std::size_t>(i) * kStackPitch, kGuardBytes, PROT_NONE);
    threads_[i].idx = i;
    threads_[i].lane = i % 32;
    threads_[i].warp = i / 32;
    start_fiber(threads_[i]);
  }
  if (kRaceBuild) race_ = std::make_unique<RaceDetector>(kMaxSharedBytes, kMaxThreads);
}

Worker::~Worker() {
  munmap(stacks_, kStackPitch * kMaxThreads);
  std::free(arena_);
}

void Worker::start_fiber(Thread& thread) {
  char* stack = stacks_ + static_cast<std::size_t>(thread.idx) * kStackPitch + kGuardBytes;
  thread.fiber.start(stack, kStackBytes, stack_colour(thread.idx), thread_main);
}

void Worker::begin_launch(const Launch& launch, const Options& options,
                          DeviceMemory::Snapshot allocations) {
  launch_ = &launch;
  options_ = options;
  allocations_ = std::move(allocations);
  recent_.fill(nullptr);
  counters_ = {};
  failed_ = false;
  report_.clear();
  num_threads_ = launch.num_threads;
  if (kRaceBuild) race_->begin_launch();
}

void Worker::reset_block(std::uint32_t block) {
  const Index3 grid = launch_->grid;
  block_.grid = grid;
  block_.num_threads = {static_cast<unsigned>(num_threads_), 1, 1};
  block_.index = {block % grid.x, block / grid.x % grid.y, block / grid.x / grid.y};
  random_ = (options_.seed * 0x9e3779b97f4a7c15u + block + 1) * 0xd1342543de82ef95u | 1;
  num_live_ = num_threads_;
  ready_warps_ = 0;
  for (int warp = 0; warp < num_threads_ / 32; ++warp) {
    warps_[warp] = Warp{};
    set_ready(warp, ~0u);
  }
  for (int i = 0; i < num_threads_; ++i) {
    threads_[i].index = {static_cast<unsigned>(i), 0, 0};
    threads_[i].state = State::kReady;
  }
  for (Barrier& barrier : barriers_) {
    barrier.num_arrived = 0;
    barrier.waiting.clear();
  }
  smem_bytes_ = gap_bytes_ = 0;
  gaps_.clear();
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(arena_, kMaxSharedBytes + kArenaGap);
#endif
  std::memset(arena_, 0xff, static_cast<std::size_t>(launch_->shared_bytes) + kArenaGap);
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(
      arena_ + launch_->shared_bytes,
      kMaxSharedBytes + kArenaGap - static_cast<std::size_t>(launch_->shared_bytes));
#endif
  if (kRaceBuild) race_->begin_block(block, num_threads_ / 32);
}

bool Worker::run_block(std::uint32_t block) {
  reset_block(block);
  ++counters_.blocks;
  current_worker = this;
  current_block = &block_;
  Thread* first = pick();
  current_thread = first;
  Fiber::switch_to(main_, first->fiber);
  current_thread = nullptr;
  current_block = nullptr;
  current_worker = nullptr;
  if (!failed_ && num_live_ > 0) {
    failed_ = true;
    report_ = deadlock();
  }
  if (!failed_) check_gaps();
  if (options_.count_accesses) accesses_.end_block(counters_);
  if (failed_) {  // fibers that stand somewhere in the kernel begin anew
    for (int i = 0; i < num_threads_; ++i) {
      threads_[i].copies.clear();
      threads_[i].groups.clear();
      start_fiber(threads_[i]);
    }
  }
  return !failed_;
}

void Worker::thread_main() {
  for (;;) {
    Worker& worker = *current_worker;
    bool failed = false;
    try {
      worker.launch_->call(worker.launch_->kernel, worker.launch_->args.data());
      worker.thread_exits();
    } catch (const Abandoned&) {
      failed = true;
    }
    if (failed) {
      Thread& me = worker.running();
      current_thread = nullptr;
      Fiber::switch_to(me.fiber, worker.main_);  // and is not heard of again
    }
    worker.suspend();  // and goes on as the same thread of another block
  }
}

void Worker::thread_exits() {
  Thread& me = running();
  Warp& warp = warps_[me.warp];
  if (!me.copies.empty()) fail("ends with async copies that it did not wait for", "its end", {});
  if (warp.arrived != 0) {
    fail("ends while lanes of its warp wait in " + std::string(warp.name) + " at " +
             to_string(warp.site),
         "its end", {});
  }
  if (barriers_[0].num_arrived != 0) {
    fail("ends while " + std::to_string(barriers_[0].num_arrived) +
             " threads of its block wait in __syncthreads at " + to_string(barriers_[0].site),
         "its end", {});
  }
  me.groups.clear();
  me.state = State::kDone;
  warp.exited |= 1u << me.lane;
  clear_ready(me);
  --num_live_;
}

// --- the scheduler
// ----------------------------------------------------------------------------------

void Worker::set_ready(int warp, std::uint32_t lanes) {
  warps_[warp].ready |= lanes;
  ready_warps_ |= 1u << warp;
}

void Worker::clear_ready(const Thread& thread) {
  Warp& warp = warps_[thread.warp];
  warp.ready &= ~(1u << thread.lane);
  if (warp.ready == 0) ready_warps_ &= ~(1u << thread.warp);
}

Worker::Thread* Worker::pick() {
  if (ready_warps_ == 0) return nullptr;
  int warp = 0, lane = 0;
  switch (options_.order) {
    case Order::kForward:
      warp = lowest(ready_warps_);
      lane = lowest(warps_[warp].ready);
      break;
    case Order::kReverse:
      warp = highest(ready_warps_);
      lane = highest(warps_[warp].ready);
      break;
    case Order::kRandom:
      random_ ^= random_ << 13;
      random_ ^= random_ >> 7;
      random_ ^= random_ << 17;
      warp = any(ready_warps_, static_cast<std::uint32_t>(random_ >> 32));
      lane = any(warps_[warp].ready, static_cast<std::uint32_t>(random_ >> 40));
      break;
  }
  return &threads_[32 * warp + lane];
}

void Worker::suspend() {
  Thread& me = running();
  Thread* next = pick();
  if (next == &me) return;
  ++counters_.fiber_switches;
  current_thread = next;
  Fiber::switch_to(me.fiber, next != nullptr ? next->fiber : main_);
}

// --- reports
// ----------------------------------------------------------------------------------------

std::string Worker::describe(const Thread& thread) const {
  const Index3& block = block_.index;
  return "thread " + std::to_string(thread.idx) + " (warp " + std::to_string(thread.warp) +
         ", lane " + std::to_string(thread.lane) + ") of block (" + std::to_string(block.x) + "," +
         std::to_string(block.y) + "," + std::to_string(block.z) + ")";
}

void Worker::fail(const std::string& what, const char* name, const CallSite& site) {
  Thread& me = running();
  failed_ = true;
  report_ = std::string("kernel ") + launch_->name + ", " + describe(me) + ", in " + name;
  if (site.file != nullptr || site.pc != nullptr) report_ += " at " + to_string(site);
  report_ += ": " + what;
  throw Abandoned{};  // caught where the fiber began; it frees what is on its stack
}

std::string Worker::deadlock() const {
  std::map<std::string, std::vector<int>> groups;
  for (int i = 0; i < num_threads_; ++i) {
    const Thread& thread = threads_[i];
    const bool done = thread.state == State::kDone;
    groups[done ? "ended"
                : std::string("wait in ") + thread.waits_in + " at " + to_string(thread.site)]
        .push_back(i);
  }
  std::string text = std::string("kernel ") + launch_->name + ", block (" +
                     std::to_string(block_.index.x) + "," + std::to_string(block_.index.y) + "," +
                     std::to_string(block_.index.z) + "): deadlock, nobody can go on:";
  for (const auto& [what, threads] : groups) {
    text += " " + std::to_string(threads.size()) + " threads " + what + " (first " +
            std::to_string(threads.front()) + ");";
  }
  return text;
}

void Worker::require_sm(int sm, const char* name, const CallSite& site) {
  if (options_.sm < sm) {
    fail("needs sm_" + std::to_string(sm) + ", this is sm_" + std::to_string(options_.sm), name,
         site);
  }
}

// --- meetings of a warp or a block
// ------------------------------------------------------------------

void Worker::warp_meet(const char* name, WarpOperation operation, void* argument,
                       const CallSite& site) {
  Thread& me = running();
  Warp& warp = warps_[me.warp];
  if (warp.exited != 0) {
    fail("lanes of its warp have ended (first " + std::to_string(lowest(warp.exited)) + ")", name,
         site);
  }
  if (warp.at_barrier != 0) {
    const Thread& other = threads_[32 * me.warp + lowest(warp.at_barrier)];
    fail("divergent warp: lane " + std::to_string(other.lane) + " waits in " + other.waits_in +
             " at " + to_string(other.site),
         name, site);
  }
  if (warp.arrived == 0) {
    warp.name = name;
    warp.operation = operation;
    warp.site = site;
  } else if (warp.operation != operation || warp.site != site) {
    fail("divergent warp: lane " + std::to_string(lowest(warp.arrived)) + " waits in " + warp.name +
             " at " + to_string(warp.site),
         name, site);
  }
  warp.arguments[me.lane] = argument;
  warp.arrived |= 1u << me.lane;
  if (warp.arrived == ~0u) {
    warp.arrived = 0;
    ++counters_.warp_operations;
    if (operation != nullptr) operation(warp.arguments.data(), site);
    const int first = 32 * me.warp;
    for (int lane = 0; lane < 32; ++lane) {
      if (threads_[first + lane].state == State::kInWarp) {
        threads_[first + lane].state = State::kReady;
        set_ready(me.warp, 1u << lane);
      }
    }
    // The operation may have sent this lane to wait (a named barrier).
    if (me.state == State::kReady) return;
  } else {
    me.state = State::kInWarp;
    me.waits_in = name;
    me.site = site;
    clear_ready(me);
  }
  suspend();
}

void Worker::warp_sync(const CallSite& site) {
  warp_meet(
      "warp_sync",
      [](void* const*, const CallSite&) {
        Worker& worker = *current_worker;
        if (kRaceBuild) worker.race_->warp_sync(worker.running().warp);
      },
      nullptr, site);
}

// All threads that waited go on.
void Worker::open_barrier(Barrier& barrier) {
  ++counters_.barriers;
  counters_.barrier_waits += static_cast<std::int64_t>(barrier.waiting.size()) / 32;
  if (kRaceBuild) {
    std::uint32_t waiting = 0;
    for (const int thread : barrier.waiting) waiting |= 1u << thread / 32;
    for (std::uint32_t warps = waiting; warps != 0; warps &= warps - 1) {
      race_->leave(barrier.view, lowest(warps));
    }
  }
  for (const int thread : barrier.waiting) {
    Thread& other = threads_[thread];
    other.state = State::kReady;
    warps_[other.warp].at_barrier &= ~(1u << other.lane);
    set_ready(other.warp, 1u << other.lane);
  }
  barrier.waiting.clear();
  barrier.num_arrived = 0;
}

void Worker::syncthreads(const CallSite& site) {
  constexpr const char* kName = "__syncthreads";
  Thread& me = running();
  Warp& warp = warps_[me.warp];
  Barrier& barrier = barriers_[0];
  if (num_live_ < num_threads_) {
    fail(std::to_string(num_threads_ - num_live_) + " threads of its block have ended", kName,
         site);
  }
  if (warp.arrived != 0) {
    fail("divergent warp: lane " + std::to_string(lowest(warp.arrived)) + " waits in " + warp.name +
             " at " + to_string(warp.site),
         kName, site);
  }
  if (barrier.num_arrived == 0) {
    barrier.site = site;
    barrier.view.fill(0);
  } else if (barrier.site != site) {
    fail("divergent barrier: other threads of the block wait at " + to_string(barrier.site), kName,
         site);
  }
  barrier.waiting.push_back(me.idx);
  warp.at_barrier |= 1u << me.lane;
  if (kRaceBuild && warp.at_barrier == ~0u) race_->arrive(barrier.view, me.warp);
  me.state = State::kAtBarrier;
  me.waits_in = kName;
  me.site = site;
  clear_ready(me);
  if (++barrier.num_arrived == num_threads_) open_barrier(barrier);
  suspend();
}

void Worker::named_barrier(int barrier, int num_threads, bool wait, const char* name,
                           const CallSite& site) {
  struct Argument {
    int barrier, num_threads;
    bool wait;
    const char* name;
  };
  Argument argument{barrier, num_threads, wait, name};
  // Barriers of the hardware count warps: one lane arrives for all.
  warp_meet(
      name,
      [](void* const* arguments, const CallSite& at) {
        Worker& worker = *current_worker;
        const auto& first = *static_cast<const Argument*>(arguments[0]);
        for (int lane = 1; lane < 32; ++lane) {
          const auto& other = *static_cast<const Argument*>(arguments[lane]);
          if (other.barrier != first.barrier || other.num_threads != first.num_threads) {
            worker.fail("lanes of a warp name different barriers or counts", first.name, at);
          }
        }
        if (first.barrier < 1 || first.barrier > 15 || first.num_threads % 32 != 0 ||
            first.num_threads <= 0 || first.num_threads > worker.num_threads_) {
          worker.fail("barrier " + std::to_string(first.barrier) + " of " +
                          std::to_string(first.num_threads) + " threads: there are 1 to 15, of " +
                          "whole warps of the block",
                      first.name, at);
        }
        Barrier& found = worker.barriers_[first.barrier];
        const int warp = worker.running().warp;
        if (found.num_arrived == 0) {
          found.num_expected = first.num_threads;
          found.warps = 0;
          found.view.fill(0);
        } else if (found.num_expected != first.num_threads) {
          worker.fail("barrier " + std::to_string(first.barrier) + " of " +
                          std::to_string(first.num_threads) + " threads, others wait for " +
                          std::to_string(found.num_expected),
                      first.name, at);
        }
        if ((found.warps >> warp & 1) != 0) {
          worker.fail("its warp has arrived at this barrier already", first.name, at);
        }
        found.warps |= 1u << warp;
        found.num_arrived += 32;
        if (kRaceBuild) worker.race_->arrive(found.view, warp);
        for (int lane = 0; first.wait && lane < 32; ++lane) {
          Thread& thread = worker.threads_[32 * warp + lane];
          found.waiting.push_back(thread.idx);
          worker.warps_[warp].at_barrier |= 1u << lane;
          thread.state = State::kAtBarrier;
          thread.waits_in = first.name;
          thread.site = at;
          worker.clear_ready(thread);
        }
        if (found.num_arrived == found.num_expected) worker.open_barrier(found);
      },
      &argument, site);
}

// --- memory
// -----------------------------------------------------------------------------------------

void* Worker::block_memory(std::size_t num_bytes, std::size_t alignment, bool& first,
                           const CallSite& site) {
  if (num_bytes > static_cast<std::size_t>(launch_->shared_bytes)) {
    fail("Smem has " + bytes(num_bytes) + ", the launch asked for " +
             std::to_string(launch_->shared_bytes),
         "block_smem", site);
  }
  if (alignment > 128) fail("Smem wants more than 128 bytes of alignment", "block_smem", site);
  first = smem_bytes_ == 0;
  smem_bytes_ = std::max(smem_bytes_, num_bytes);
  return arena_;
}

void Worker::add_shared_gap(const void* begin, std::size_t num_bytes) {
  const auto* first = static_cast<const unsigned char*>(begin);
  gaps_.push_back({first, first + num_bytes});
  gap_bytes_ += num_bytes;
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(begin, num_bytes);
#endif
}

// Plain stores into gaps, which only race builds and AddressSanitizer see when they happen.
void Worker::check_gaps() {
  if (kAddressBuild) return;
  std::vector<Gap> all = gaps_;
  const unsigned char* end = arena_ + smem_bytes_;
  all.push_back({end, end + kArenaGap});
  for (const Gap& gap : all) {
    if (std::all_of(gap.begin, gap.end, [](unsigned char byte) { return byte == 0xff; })) continue;
    failed_ = true;
    report_ = std::string("kernel ") + launch_->name + ": wrote out of bounds, " +
              (gap.begin == end ? "behind Smem" : "behind a SharedArray");
  }
}

void Worker::check_smem_size(const CallSite& site) {
  const std::size_t used = smem_bytes_ - gap_bytes_;
  if (used > static_cast<std::size_t>(shared_limit(options_.sm))) {
    fail("Smem has " + bytes(used) + ", sm_" + std::to_string(options_.sm) + " gives a block " +
             std::to_string(shared_limit(options_.sm)),
         "block_smem", site);
  }
}

Worker::Place Worker::locate(const void* address, std::size_t num_bytes, std::size_t alignment,
                             bool write, const char* name, const CallSite& site) {
  const auto* begin = static_cast<const unsigned char*>(address);
  const auto value = reinterpret_cast<std::uintptr_t>(address);
  const std::string what = write ? "writes " : "reads ";
  if (value % alignment != 0) {
    fail(what + bytes(num_bytes) + " at an address that is not aligned to " +
             std::to_string(alignment),
         name, site);
  }
  if (begin >= arena_ && begin < arena_ + kMaxSharedBytes) {
    const auto offset = static_cast<std::size_t>(begin - arena_);
    if (offset + num_bytes > smem_bytes_) {
      fail(what + bytes(num_bytes) + " at shared byte " + std::to_string(offset) +
               ", out of bounds: Smem has " + std::to_string(smem_bytes_),
           name, site);
    }
    for (const Gap& gap : gaps_) {
      if (begin < gap.end && begin + num_bytes > gap.begin) {
        fail(what + bytes(num_bytes) + " at shared byte " + std::to_string(offset) +
                 ", out of bounds: behind a SharedArray",
             name, site);
      }
    }
    return {Space::kShared, offset};
  }
  const Allocation* found = nullptr;
  for (const Allocation* allocation : recent_) {
    if (allocation != nullptr && allocation->contains(address)) found = allocation;
  }
  if (found == nullptr) {
    found = find(*allocations_, address);
    if (found == nullptr || (!found->contains(address) && !found->is_in_gap(address))) {
      fail(what + bytes(num_bytes) + " at an address that is neither shared memory nor allocated " +
               "on the device",
           name, site);
    }
    recent_[next_recent_++ % recent_.size()] = found;
  }
  const auto offset = static_cast<std::size_t>(begin - found->begin);
  if (offset + num_bytes > found->num_bytes) {
    fail(what + bytes(num_bytes) + " at byte " + std::to_string(offset) +
             ", out of bounds: the allocation has " + std::to_string(found->num_bytes),
         name, site);
  }
  return {Space::kGlobal, offset, found};
}

void Worker::track(const Place& place, std::size_t num_bytes, AccessKind kind, const char* name,
                   const CallSite& site) {
  const int thread = running().idx;
  const std::string wrong =
      place.space == Space::kShared
          ? race_->shared_access(thread, place.offset, num_bytes, kind)
          : race_->global_access(thread, *place.allocation, place.offset, num_bytes, kind);
  if (!wrong.empty()) fail(wrong, name, site);
}

void Worker::count_access(const Place& place, const void* address, std::size_t num_bytes,
                          const CallSite& site) {
  if (!options_.count_accesses) return;
  const Thread& me = running();
  const bool shared = place.space == Space::kShared;
  accesses_.access(me.warp, me.lane, site,
                   shared ? place.offset : reinterpret_cast<std::uintptr_t>(address),
                   static_cast<int>(num_bytes), shared, counters_);
}

void Worker::count_shared(const std::array<std::uint64_t, 32>& addresses, std::uint32_t mask,
                          int num_bytes) {
  const Wavefronts found = shared_wavefronts(addresses, mask, num_bytes);
  counters_.shared_requests += 1;
  counters_.shared_wavefronts += found.needed;
  counters_.shared_ideal += found.ideal;
}

void Worker::read_matrix_row(const void* row, const char* name, const CallSite& site) {
  const Place place = locate(row, 16, 16, /*write=*/false, name, site);
  if (place.space != Space::kShared) fail("its rows are not in shared memory", name, site);
  if (kRaceBuild) track(place, 16, AccessKind::kRead, name, site);
}

void Worker::check_access(const void* address, std::size_t num_bytes, bool write,
                          const CallSite& site) {
  const char* name = write ? "store" : "load";
  const Place place = locate(address, num_bytes, num_bytes, write, name, site);
  if (kRaceBuild) {
    track(place, num_bytes, write ? AccessKind::kWrite : AccessKind::kRead, name, site);
  }
  count_access(place, address, num_bytes, site);
}

void Worker::observe_access(const void* address, std::size_t num_bytes, bool write,
                            const void* pc) {
  const CallSite site{nullptr, 0, pc};
  const char* name = write ? "a store" : "a load";
  const Place place = locate(address, num_bytes, 1, write, name, site);
  track(place, num_bytes, write ? AccessKind::kWrite : AccessKind::kRead, name, site);
  count_access(place, address, num_bytes, site);
}

bool Worker::owns(const void* address) const {
  const auto in = [address](const void* begin, std::size_t num_bytes) {
    return static_cast<std::size_t>(static_cast<const char*>(address) -
                                    static_cast<const char*>(begin)) < num_bytes;
  };
  return in(stacks_, kStackPitch * kMaxThreads) || in(this, sizeof *this) ||
         in(threads_.get(), sizeof(Thread) * kMaxThreads) ||
         in(launch_->args.data(), launch_->args.size());
}

bool Worker::knows(const void* address) const {
  const auto* begin = static_cast<const unsigned char*>(address);
  if (begin >= arena_ && begin < arena_ + kMaxSharedBytes) return true;
  for (const Allocation* allocation : recent_) {
    if (allocation != nullptr && allocation->contains(address)) return true;
  }
  return false;
}

void Worker::threadfence() {
  if (kRaceBuild) race_->fence(running().idx);
}

void Worker::check_atomic(void* address, const CallSite& site) {
  const Place place = locate(address, 4, 4, /*write=*/true, "atomic", site);
  if (!kRaceBuild) return;
  track(place, 4, AccessKind::kAtomic, "atomic", site);
  if (place.space == Space::kGlobal) race_->global_atomic(running().idx, address);
}

// --- async copies
// -----------------------------------------------------------------------------------

void Worker::do_copy(const AsyncCopy& copy) {
  std::memcpy(copy.shared, copy.global, static_cast<std::size_t>(copy.num_bytes));
  std::memset(copy.shared + copy.num_bytes, 0, static_cast<std::size_t>(16 - copy.num_bytes));
}

void Worker::async_copy_16(void* shared, const void* global, int num_bytes, const CallSite& site) {
  constexpr const char* kName = "async_copy_16";
  require_sm(80, kName, site);
  if (num_bytes < 0 || num_bytes > 16) {
    fail("copies " + std::to_string(num_bytes) + " of 16 bytes", kName, site);
  }
  const Place to = locate(shared, 16, 16, /*write=*/true, kName, site);
  if (to.space != Space::kShared) fail("its target is not in shared memory", kName, site);
  // With 0 bytes nothing is read, yet the address must be a valid one.
  const Place from =
      locate(global, static_cast<std::size_t>(num_bytes), 16, /*write=*/false, kName, site);
  if (from.space != Space::kGlobal) fail("its source is not in global memory", kName, site);
  if (kRaceBuild) {
    track(to, 16, AccessKind::kAsyncWrite, kName, site);
    if (num_bytes > 0) {
      track(from, static_cast<std::size_t>(num_bytes), AccessKind::kRead, kName, site);
    }
  }
  if (options_.count_accesses) {
    count_access(to, shared, 16, site);
    if (num_bytes > 0) {
      const CallSite source{site.file, -site.line, site.pc};  // counted apart from the target
      count_access(from, global, 16, source);
    }
  }
  const AsyncCopy copy{static_cast<unsigned char*>(shared),
                       static_cast<const unsigned char*>(global), num_bytes};
  if (options_.eager_copies) {
    do_copy(copy);
  } else {
    std::memset(shared, 0xff, 16);  // whatever is read before the copy has arrived
  }
  running().copies.push_back(copy);
}

void Worker::async_copy_commit() { running().groups.push_back(running().copies.size()); }

void Worker::async_copy_wait(int num_groups) {
  Thread& me = running();
  const std::size_t keep = static_cast<std::size_t>(num_groups);
  if (me.groups.size() <= keep) return;
  const std::size_t num_over = me.groups.size() - keep;
  const std::size_t num_done = me.groups[num_over - 1];
  for (std::size_t i = 0; i < num_done; ++i) {
    const AsyncCopy& copy = me.copies[i];
    if (!options_.eager_copies) do_copy(copy);
    if (kRaceBuild) {
      race_->async_done(me.idx, static_cast<std::size_t>(copy.shared - arena_), 16);
    }
  }
  me.copies.erase(me.copies.begin(), me.copies.begin() + static_cast<std::ptrdiff_t>(num_done));
  me.groups.erase(me.groups.begin(), me.groups.begin() + static_cast<std::ptrdiff_t>(num_over));
  for (std::size_t& end : me.groups) end -= num_done;
}

}  // namespace nestor::simt
