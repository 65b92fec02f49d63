#pragma once
// The OpenMP teams that steps run in. libgomp keeps one a calling thread, and ends the process
// if it cannot start a team's threads.

#include <thread>
#include <vector>

namespace nestor::cpu {

// Makes sure that this thread has a team of `threads`. Where they are more than those of its last
// one, as many are started as a trial before libgomp starts its own: only a limit that is reached
// between the two still ends the process. Throws kOutOfMemory if they cannot be started, and
// kUsage in a process that was forked from a thread with a team: its threads exist in the parent
// alone, and libgomp would wait for them for ever.
void start_team(int threads);

// Threads that start and end, to see whether they can. Throws std::system_error or std::bad_alloc.
void try_threads(int count);

}  // namespace nestor::cpu
