// A block that is being executed: its warps, barriers and shared memory.
#pragma once

#include <vector>

#include "tests/ptx/machine/global_race.h"
#include "tests/ptx/machine/operation.h"
#include "tests/ptx/machine/race.h"

namespace nestor::ptx {

struct Split {
  u32 pc = 0, mask = 0;
  bool waiting = false;  // at an operation for which lanes are missing
};

struct Copy {  // of one lane, by cp.async
  u8 lane;
  u8 bytes, from_source;
  u32 group;  // the lane's group it belongs to
  u32 to;
  u64 from;
};

struct Warp {
  int index = 0;
  u32 pc = 0, active = 0, live = 0;
  std::vector<Split> others;
  std::vector<u32> rows;
  std::vector<u32> preds;
  std::vector<Copy> copies;
  u32 groups[kLanes] = {};  // committed by each lane
  bool at_barrier = false;
  u32 barrier = 0;
  bool done = false;
};

struct Barrier {
  u32 expected = 0;  // threads; 0: nobody is there
  u32 arrived = 0;
  bool whole_block = false;
  std::vector<int> waiting, arrived_warps;
};

struct Block {
  u32 index[3] = {0, 0, 0};
  bool late = true;  // copies arrive at the wait
  std::vector<u8> shared_storage, local;
  u8* shared = nullptr;
  u32 shared_bytes = 0;
  std::vector<Warp> warps;
  Barrier barriers[16];
  Races races;
  GlobalRaces::Side global;
};

}  // namespace nestor::ptx
