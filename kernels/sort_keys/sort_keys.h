#pragma once
// The smallest keys of each row, sorted upwards: for launchers that rank scores. All keys that
// matter differ, so the result is exact whatever the order of work. Asynchronous.

#include "kernels/runtime/runtime.h"

namespace nestor {

constexpr int kSortChunk = 2048;  // keys that a block sorts

struct SortKeysArgs {
  unsigned long long* keys = nullptr;   // [rows][stride]; becomes scratch
  unsigned long long* other = nullptr;  // as large
  int rows = 0;
  std::int64_t count = 0;  // keys of a row
  std::int64_t keep = 0;   // that are wanted, 1 to count
};

// Keys between rows, for keys and other: count in whole chunks.
inline std::int64_t sort_stride(std::int64_t count) {
  return (count + kSortChunk - 1) / kSortChunk * kSortChunk;
}

// One launch for chunks and one for each doubling of their length.
inline int sort_launches(std::int64_t count) {
  int launches = 1;
  for (std::int64_t run = kSortChunk; run < count; run *= 2) ++launches;
  return launches;
}

// Where the sorted keys are then: each doubling moves them to the other place.
inline bool sorted_in_other(std::int64_t count) { return sort_launches(count) % 2 == 0; }

DeviceStatus sort_keys(const SortKeysArgs& args, Stream stream);

}  // namespace nestor
