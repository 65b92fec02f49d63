#pragma once
// How many threads this process can keep running at once.

#include <filesystem>

namespace nestor {

// The CPUs that its affinity allows to this process.
int cpus_allowed();

// The least of `allowed` and of its control groups' quotas of CPU time, rounded down; at least 1.
// More threads than a quota pays for wait for one another. `root` is where /proc and /sys are.
int cpus_available(int allowed, const std::filesystem::path& root = "/");

}  // namespace nestor
