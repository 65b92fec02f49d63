#include "engine/memory_available.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <new>
#include <string>

#include "engine/check.h"
#include "engine/control_groups.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

// The number after the first word `key`; of a file that is one number, if there is no key.
std::optional<std::uint64_t> number_in(const fs::path& path, std::string_view key = {}) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  if (key.empty()) return file >> number ? std::optional(number) : std::nullopt;
  for (std::string line; std::getline(file, line);) {
    const bool found = line.starts_with(key) && line.size() > key.size() && line[key.size()] == ' ';
    if (!found) continue;
    std::string digits = line.substr(key.size());
    digits.erase(0, digits.find_first_not_of(' '));
    if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
    return std::stoull(digits);
  }
  return std::nullopt;
}

struct GroupFiles {
  const char *limit, *usage, *cache;  // the last one a line of memory.stat
};

// Version 2 writes "max" if there is no limit, version 1 a number beyond any memory.
constexpr GroupFiles kVersion2{"memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes",
                               "total_inactive_file"};

std::optional<std::uint64_t> left_in(const fs::path& folder, const GroupFiles& files) {
  const auto limit = number_in(folder / files.limit), usage = number_in(folder / files.usage);
  if (!limit || !usage) return std::nullopt;
  const std::uint64_t cache =
      std::min(*usage, number_in(folder / "memory.stat", files.cache).value_or(0));
  return *limit - std::min(*limit, *usage - cache);
}

constexpr std::size_t kSmallBlocks = 96 << 10;  // stays in the heap when it is freed
constexpr std::size_t kMappings = 1 << 20;      // a generated kernel has 256 KiB

}  // namespace

std::optional<std::uint64_t> memory_available(const fs::path& root) {
  constexpr std::uint64_t kKiB = 1024;
  std::optional<std::uint64_t> least = number_in(root / "proc/meminfo", "MemAvailable:");
  if (least) *least *= kKiB;
  const auto lower = [&](std::optional<std::uint64_t> other) {
    if (other) least = std::min(least.value_or(*other), *other);
  };
  const ControlGroups groups = control_groups(root, "memory");
  for (const fs::path& group : groups.version2) lower(left_in(group, kVersion2));
  for (const fs::path& group : groups.version1) lower(left_in(group, kVersion1));
  return least;
}

void require_memory(std::size_t bytes, std::string_view what) {
  const std::optional<std::uint64_t> available = memory_available();
  CHECK_AS(kOutOfMemory, !available || bytes <= *available,
           "{} of {} bytes is needed, {} bytes of memory are available", what, bytes, *available);
}

void require_small_blocks() {
  void* volatile block = std::malloc(kSmallBlocks);  // volatile: else compilers leave both out
  if (block == nullptr) throw std::bad_alloc();
  std::free(block);
  void* const mapping =
      ::mmap(nullptr, kMappings, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  ::munmap(mapping, kMappings);
}

}  // namespace nestor
