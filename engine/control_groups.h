#pragma once
// The control groups (cgroups) of this process: where containers and services have their limits.

#include <filesystem>
#include <string_view>
#include <vector>

namespace nestor {

// Folders of groups, the process's own first, then every group above it: each has limits, too. Not
// all need exist. `root` is where /proc and /sys are.
struct ControlGroups {
  std::vector<std::filesystem::path> version2;
  std::vector<std::filesystem::path> version1;  // of one controller: "memory", "cpu"
};
ControlGroups control_groups(const std::filesystem::path& root, std::string_view controller);

}  // namespace nestor
