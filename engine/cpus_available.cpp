#include "engine/cpus_available.h"

#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>
#include <vector>

#include "engine/control_groups.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMostSets = 64;  // of 1024 CPUs each

// Both in microseconds. Without a limit the quota is the word "max" in version 2, -1 in version 1.
std::optional<int> whole_cpus(std::istream& quota_text, std::istream& period_text) {
  std::int64_t quota = 0, period = 0;
  if (!(quota_text >> quota) || !(period_text >> period) || quota < 0 || period <= 0) return {};
  return static_cast<int>(std::min<std::int64_t>(quota / period, std::numeric_limits<int>::max()));
}

// "150000 100000"
std::optional<int> version2_quota(const fs::path& group) {
  std::ifstream file(group / "cpu.max");
  return whole_cpus(file, file);
}

std::optional<int> version1_quota(const fs::path& group) {
  std::ifstream quota(group / "cpu.cfs_quota_us"), period(group / "cpu.cfs_period_us");
  return whole_cpus(quota, period);
}

}  // namespace

int cpus_allowed() {
  for (std::size_t sets = 1; sets <= kMostSets; sets *= 2) {
    std::vector<cpu_set_t> allowed(sets);
    const std::size_t bytes = sets * sizeof(cpu_set_t);
    if (::sched_getaffinity(0, bytes, allowed.data()) == 0) {
      return std::max(1, CPU_COUNT_S(bytes, allowed.data()));
    }
    if (errno != EINVAL) break;  // else the kernel knows more CPUs than fit
  }
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

int cpus_available(int allowed, const fs::path& root) {
  int least = allowed;
  const auto lower = [&](std::optional<int> quota) {
    if (quota) least = std::min(least, *quota);
  };
  const ControlGroups groups = control_groups(root, "cpu");
  for (const fs::path& group : groups.version2) lower(version2_quota(group));
  for (const fs::path& group : groups.version1) lower(version1_quota(group));
  return std::max(1, least);
}

}  // namespace nestor
