#pragma once
// How much memory this process may still take.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace nestor {

// Bytes: what the kernel calls available, or what is left of the control group's limit if that
// is less (its cache of files, which it can give back, is not counted as taken). Swap is not part
// of it: an arena is used as a whole in every run. Nothing if the system does not tell. `root`
// is where /proc and /sys are.
std::optional<std::uint64_t> memory_available(const std::filesystem::path& root = "/");

// Throws kOutOfMemory if that many bytes are not available. Not left to the allocator: the
// kernel promises more than there is, and kills who takes it.
void require_memory(std::size_t bytes, std::string_view what);

// Throws std::bad_alloc if the heap has no room for the blocks that oneDNN and libgomp allocate
// without looking at the result. The room that is found is left for them.
void require_small_blocks();

}  // namespace nestor
