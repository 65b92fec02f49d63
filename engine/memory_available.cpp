#include "engine/memory_available.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace nestor {

namespace {

namespace fs = std::filesystem;

// The number after the first word `key`; of a file that is one number, where there is no key.
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

// Version 2 writes "max" where there is no limit, version 1 a number beyond any memory.
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

// Of version 2: "0::/system.slice/nestor.service". In a container it is "/".
std::string own_group(const fs::path& root) {
  std::ifstream file(root / "proc/self/cgroup");
  constexpr std::string_view kStart = "0::/";
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(kStart)) return line.substr(kStart.size());
  }
  return {};
}

}  // namespace

std::optional<std::uint64_t> memory_available(const fs::path& root) {
  constexpr std::uint64_t kKiB = 1024;
  std::optional<std::uint64_t> least = number_in(root / "proc/meminfo", "MemAvailable:");
  if (least) *least *= kKiB;
  const auto lower = [&](std::optional<std::uint64_t> other) {
    if (other) least = std::min(least.value_or(*other), *other);
  };
  // Every group above has a limit, too.
  const fs::path groups = root / "sys/fs/cgroup";
  for (fs::path group = own_group(root);; group = group.parent_path()) {
    lower(left_in(groups / group, kVersion2));
    if (group.empty()) break;
  }
  lower(left_in(groups / "memory", kVersion1));
  return least;
}

}  // namespace nestor
