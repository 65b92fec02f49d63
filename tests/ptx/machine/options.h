// Settings of the machine, read from the environment once (README.md).
#pragma once

#include "tests/ptx/machine/types.h"

namespace nestor::ptx {

struct Options {
  int sm = 80;  // the GPU that is stood in for
  u64 seed = 1;
  int threads = 1;
  int async = 2;      // copies arrive: 0 at once, 1 at the wait, 2 as the seed says, block by block
  bool chop = false;  // tensor cores that truncate, as GPUs do, instead of rounding each sum
  bool races = true;  // look for accesses of shared memory that no barrier orders
  bool global_races = false;  // and for accesses of global memory by several blocks (slow)
  bool worst_approx = false;  // ex2.approx and the like are off by as much as the ISA lets them be
  bool verbose = false;
};
const Options& options();
void set_options(const Options& changed);  // while nothing runs; for tests

}  // namespace nestor::ptx
