#include "engine/control_groups.h"

#include <fstream>
#include <string>

namespace nestor {

namespace {

namespace fs = std::filesystem;

// A line of /proc/self/cgroup: "0::/system.slice" of version 2, "4:cpu,cpuacct:/jobs" of version 1.
struct Membership {
  std::string controllers;
  std::string group;  // without the leading slash; in a container it is empty
};

std::vector<Membership> memberships(const fs::path& root) {
  std::vector<Membership> found;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    if (first == std::string::npos) continue;
    const std::size_t second = line.find(":/", first + 1);
    if (second == std::string::npos) continue;
    found.push_back({line.substr(first + 1, second - first - 1), line.substr(second + 2)});
  }
  return found;
}

bool names(const std::string& controllers, std::string_view controller) {
  return ("," + controllers + ",").find("," + std::string(controller) + ",") != std::string::npos;
}

void add_with_those_above(std::vector<fs::path>& folders, const fs::path& tree, fs::path group) {
  for (;; group = group.parent_path()) {
    folders.push_back(group.empty() ? tree : tree / group);
    if (group.empty()) return;
  }
}

}  // namespace

ControlGroups control_groups(const fs::path& root, std::string_view controller) {
  const fs::path trees = root / "sys/fs/cgroup";
  Membership version2, version1{std::string(controller), {}};
  for (const Membership& membership : memberships(root)) {
    if (membership.controllers.empty()) version2 = membership;
    if (names(membership.controllers, controller)) version1 = membership;
  }
  ControlGroups groups;
  // Beside version 1's trees, version 2's has a folder of its own.
  for (const fs::path& tree : {trees, trees / "unified"}) {
    add_with_those_above(groups.version2, tree, version2.group);
  }
  // Controllers that share a tree give it a common name; the single names may be missing.
  add_with_those_above(groups.version1, trees / controller, version1.group);
  if (version1.controllers != controller) {
    add_with_those_above(groups.version1, trees / version1.controllers, version1.group);
  }
  return groups;
}

}  // namespace nestor
