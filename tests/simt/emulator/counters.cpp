#include "emulator/counters.h"

#include <algorithm>
#include <functional>
#include <tuple>

namespace nestor::simt {

void KernelCounters::add(const KernelCounters& other) {
  launches += other.launches;
  blocks += other.blocks;
  warp_operations += other.warp_operations;
  mma += other.mma;
  barriers += other.barriers;
  barrier_waits += other.barrier_waits;
  fiber_switches += other.fiber_switches;
  shared_requests += other.shared_requests;
  shared_wavefronts += other.shared_wavefronts;
  shared_ideal += other.shared_ideal;
  global_requests += other.global_requests;
  global_sectors += other.global_sectors;
  global_ideal += other.global_ideal;
}

// Accesses of 8 and 16 bytes are served by halves and quarters of a warp, one after the other;
// within one, a bank gives one 4-byte word a cycle, to whoever asks for that word.
Wavefronts shared_wavefronts(const std::array<std::uint64_t, 32>& offsets, std::uint32_t mask,
                             int num_bytes) {
  Wavefronts result;
  const int lanes_at_once = num_bytes >= 16 ? 8 : num_bytes >= 8 ? 16 : 32;
  for (int first = 0; first < 32; first += lanes_at_once) {
    std::vector<std::uint64_t> words;
    for (int lane = first; lane < first + lanes_at_once; ++lane) {
      if ((mask >> lane & 1) == 0) continue;
      for (std::uint64_t word = offsets[lane] / 4; word <= (offsets[lane] + num_bytes - 1) / 4;
           ++word) {
        words.push_back(word);
      }
    }
    if (words.empty()) continue;
    std::sort(words.begin(), words.end());
    words.erase(std::unique(words.begin(), words.end()), words.end());
    std::array<int, 32> in_bank{};
    for (const std::uint64_t word : words) ++in_bank[word % 32];
    result.needed += *std::max_element(in_bank.begin(), in_bank.end());
    result.ideal += 1;
  }
  return result;
}

Wavefronts global_sectors(const std::array<std::uint64_t, 32>& addresses, std::uint32_t mask,
                          int num_bytes) {
  std::vector<std::uint64_t> bytes, sectors;
  for (int lane = 0; lane < 32; ++lane) {
    if ((mask >> lane & 1) == 0) continue;
    bytes.push_back(addresses[lane]);
    for (std::uint64_t sector = addresses[lane] / 32;
         sector <= (addresses[lane] + num_bytes - 1) / 32; ++sector) {
      sectors.push_back(sector);
    }
  }
  for (auto* list : {&bytes, &sectors}) {
    std::sort(list->begin(), list->end());
    list->erase(std::unique(list->begin(), list->end()), list->end());
  }
  return {static_cast<int>(sectors.size()), (static_cast<int>(bytes.size()) * num_bytes + 31) / 32};
}

bool AccessCounter::SiteOrder::operator()(const CallSite& a, const CallSite& b) const {
  if (a.line != b.line) return a.line < b.line;
  if (a.file != b.file) return std::less<>()(a.file, b.file);
  return std::less<>()(a.pc, b.pc);
}

void AccessCounter::access(int warp, int lane, const CallSite& site, std::uint64_t address,
                           int num_bytes, bool shared, KernelCounters& counters) {
  Place& place = places_[warp][site];
  const std::int64_t idx = place.visits[lane]++ - place.num_done;
  while (static_cast<std::int64_t>(place.requests.size()) <= idx) place.requests.emplace_back();
  Request& request = place.requests[idx];
  request.mask |= 1u << lane;
  request.addresses[lane] = address;
  request.num_bytes = num_bytes;
  request.shared = shared;
  while (!place.requests.empty() && place.requests.front().mask == ~0u) {
    count(place.requests.front(), counters);
    place.requests.pop_front();
    ++place.num_done;
  }
}

void AccessCounter::end_block(KernelCounters& counters) {
  for (auto& of_warp : places_) {
    for (const auto& [site, place] : of_warp) {
      for (const Request& request : place.requests) count(request, counters);
    }
    of_warp.clear();
  }
}

void AccessCounter::count(const Request& request, KernelCounters& counters) {
  if (request.mask == 0) return;
  if (request.shared) {
    const Wavefronts found = shared_wavefronts(request.addresses, request.mask, request.num_bytes);
    counters.shared_requests += 1;
    counters.shared_wavefronts += found.needed;
    counters.shared_ideal += found.ideal;
  } else {
    const Wavefronts found = global_sectors(request.addresses, request.mask, request.num_bytes);
    counters.global_requests += 1;
    counters.global_sectors += found.needed;
    counters.global_ideal += found.ideal;
  }
}

}  // namespace nestor::simt
