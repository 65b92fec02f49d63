#pragma once
// How much memory this process may still take.

#include <cstdint>
#include <filesystem>
#include <optional>

namespace nestor {

// Bytes: what the kernel calls available, or what is left of the control group's limit where that
// is less (its cache of files, which it can give back, is not counted as taken). Swap is not part
// of it: an arena is used as a whole in every run. Nothing where the system does not tell. `root`
// is where /proc and /sys are.
std::optional<std::uint64_t> memory_available(const std::filesystem::path& root = "/");

}  // namespace nestor
