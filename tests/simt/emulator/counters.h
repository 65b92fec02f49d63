#pragma once
// What the emulator counts of each kernel, and how accesses of single lanes are put together to
// what a warp asks of the memory at once.

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

#include "emulator/call_site.h"

namespace nestor::simt {

struct KernelCounters {
  std::int64_t launches = 0;
  std::int64_t blocks = 0;
  std::int64_t warp_operations = 0;  // shuffles, votes, ldmatrix, mma, ...
  std::int64_t mma = 0;              // instructions of tensor cores
  std::int64_t barriers = 0;         // times that a barrier opened
  std::int64_t barrier_waits = 0;    // warps that waited, summed over these
  std::int64_t fiber_switches = 0;
  // With Options::count_accesses: of load and store of vec.cuh, ldmatrix and async copies; in race
  // builds of all accesses. A wavefront is what the 32 banks serve in a cycle; ideal are 128 bytes
  // each: one for each quarter of a warp that accesses 16 bytes a lane.
  std::int64_t shared_requests = 0, shared_wavefronts = 0, shared_ideal = 0;
  // A sector is 32 bytes; ideal are those that would hold the bytes asked for.
  std::int64_t global_requests = 0, global_sectors = 0, global_ideal = 0;

  void add(const KernelCounters& other);
};

// Wavefronts of one access to shared memory: `offsets` of the lanes in `mask`, `num_bytes` each.
struct Wavefronts {
  int needed = 0, ideal = 0;
};
Wavefronts shared_wavefronts(const std::array<std::uint64_t, 32>& offsets, std::uint32_t mask,
                             int num_bytes);

// The same for global memory, in sectors.
Wavefronts global_sectors(const std::array<std::uint64_t, 32>& addresses, std::uint32_t mask,
                          int num_bytes);

// Puts accesses together: the nth time that each lane of a warp comes by a place in the source is
// one request.
class AccessCounter {
 public:
  void access(int warp, int lane, const CallSite& site, std::uint64_t address, int num_bytes,
              bool shared, KernelCounters& counters);
  // Counts what is not complete, where lanes did not take part, and forgets the block.
  void end_block(KernelCounters& counters);

 private:
  struct Request {
    std::uint32_t mask = 0;
    std::array<std::uint64_t, 32> addresses;
    int num_bytes = 0;
    bool shared = false;
  };
  struct Place {
    std::array<std::int64_t, 32> visits{};
    std::int64_t num_done = 0;  // requests before the first in the queue
    std::deque<Request> requests;
  };
  struct SiteOrder {
    bool operator()(const CallSite& a, const CallSite& b) const;
  };

  static void count(const Request& request, KernelCounters& counters);

  std::array<std::map<CallSite, Place, SiteOrder>, 32> places_;  // of each warp
};

}  // namespace nestor::simt
