#pragma once
// A workload that other programs time beside engines of their own (bench/peers/engines.py):
//
//   input FILE    reads float32 values of the input from a file         ok
//   run N         runs N times                                          pairs of milliseconds
//   output FILE   writes the last first output's bytes                  ok BATCH
//
// On a CPU there are N pairs, of the clock and of the processor; on a GPU one, of means over N runs:
// by the device with input and output in its memory, and by the clock with both on the host.

#include <istream>

#include "apps/bench/workload.h"

namespace nestor::bench {

// Answers the commands of a stream on standard output until it ends. Throws kUsage for an unknown
// one, kBadInput if a file is shorter than the input.
void serve(Workload& workload, std::istream& commands);

}  // namespace nestor::bench
