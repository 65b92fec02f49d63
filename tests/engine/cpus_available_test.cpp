#include "engine/cpus_available.h"

#include <sched.h>

#include <catch2/catch.hpp>
#include <thread>

#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

namespace fs = std::filesystem;

void write(const TemporaryFolder& root, const std::string& name, std::string_view contents) {
  fs::create_directories((root.path() / name).parent_path());
  root.write(name, contents);
}

}  // namespace

TEST_CASE("threads: a control group's quota bounds their number, version 2", "[cpu]") {
  const TemporaryFolder root;
  const auto available = [&](int allowed) { return cpus_available(allowed, root.path()); };
  CHECK(available(8) == 8);
  write(root, "proc/self/cgroup", "0::/a/b\n");
  write(root, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  CHECK(available(8) == 8);
  write(root, "sys/fs/cgroup/a/cpu.max", "399999 100000\n");  // of a group above, rounded down
  CHECK(available(8) == 3);
  CHECK(available(2) == 2);
  write(root, "sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  CHECK(available(8) == 1);
  for (const char* const nonsense : {"", "much", "100000", "100000 0", "-1 100000", "5 -5"}) {
    write(root, "sys/fs/cgroup/a/b/cpu.max", nonsense);
    CHECK(available(8) == 3);
  }
}

TEST_CASE("threads: a control group's quota bounds their number, version 1", "[cpu]") {
  const TemporaryFolder root;
  const auto available = [&](int allowed) { return cpus_available(allowed, root.path()); };
  const auto write_quota = [&](const std::string& group, std::string_view quota) {
    write(root, group + "/cpu.cfs_quota_us", quota);
    write(root, group + "/cpu.cfs_period_us", "50000\n");
  };
  // A container sees its own group at the top, and in /proc a path that is none here.
  write(root, "proc/self/cgroup", "7:cpuset:/x\n4:cpu,cpuacct:/docker/1234\n0::/\n");
  write_quota("sys/fs/cgroup/cpu,cpuacct", "-1\n");
  CHECK(available(8) == 8);
  write_quota("sys/fs/cgroup/cpu,cpuacct", "250000\n");
  CHECK(available(8) == 5);
  write_quota("sys/fs/cgroup/cpu,cpuacct/docker/1234", "100000\n");
  CHECK(available(8) == 2);
  write(root, "proc/self/cgroup", "4:cpu:/jobs/9\n");
  write_quota("sys/fs/cgroup/cpu/jobs", "50000\n");
  CHECK(available(8) == 1);
}

TEST_CASE("threads: affinity bounds their number", "[cpu]") {
  CHECK(cpus_allowed() >= 1);
  int of_one = 0;
  std::thread([&] {  // affinity is a thread's
    cpu_set_t allowed;
    REQUIRE(::sched_getaffinity(0, sizeof allowed, &allowed) == 0);
    int first = 0;
    while (!CPU_ISSET(first, &allowed)) ++first;
    CPU_ZERO(&allowed);
    CPU_SET(first, &allowed);
    REQUIRE(::sched_setaffinity(0, sizeof allowed, &allowed) == 0);
    of_one = cpus_allowed();
  })
      .join();
  CHECK(of_one == 1);
}

}  // namespace nestor::test
