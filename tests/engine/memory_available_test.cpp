#include "engine/memory_available.h"

#include <catch2/catch.hpp>

#include "engine/backends/cpu/cpu_backend.h"
#include "tests/support/weight_files.h"

namespace nestor::test {

namespace {

namespace fs = std::filesystem;

const char* const kMeminfo =
    "MemTotal:        2048 kB\nMemFree:          1 kB\nMemAvailable:    1000 kB\n";

void write(const TemporaryFolder& root, const std::string& name, std::string_view contents) {
  fs::create_directories((root.path() / name).parent_path());
  root.write(name, contents);
}

}  // namespace

TEST_CASE("memory that is available is the least of what machine and groups leave", "[cpu]") {
  const TemporaryFolder root;
  CHECK(memory_available(root.path()) == std::nullopt);
  write(root, "proc/meminfo", "MemAvailable: some\n");
  CHECK(memory_available(root.path()) == std::nullopt);
  write(root, "proc/meminfo", kMeminfo);
  CHECK(memory_available(root.path()) == 1'024'000);

  SECTION("version 2") {
    write(root, "proc/self/cgroup", "0::/a/b\n");
    write(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
    write(root, "sys/fs/cgroup/a/b/memory.current", "5000\n");
    CHECK(memory_available(root.path()) == 1'024'000);
    write(root, "sys/fs/cgroup/a/memory.max", "9000\n");
    write(root, "sys/fs/cgroup/a/memory.current", "6000\n");
    CHECK(memory_available(root.path()) == 3000);
    write(root, "sys/fs/cgroup/a/memory.stat", "anon 10\ninactive_file 2000\n");
    CHECK(memory_available(root.path()) == 5000);
    write(root, "sys/fs/cgroup/a/memory.current", "20000\n");
    CHECK(memory_available(root.path()) == 0);
  }
  SECTION("version 1") {
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    write(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n");
    CHECK(memory_available(root.path()) == 1'024'000);
    write(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9000\n");
    CHECK(memory_available(root.path()) == 3000);
  }
}

TEST_CASE("an arena larger than the memory is refused before it is taken", "[cpu]") {
  const auto [code, message] = error_of([] { CpuBackend().allocate(std::size_t{1} << 42); });
  CHECK(code == ErrorCode::kOutOfMemory);
  CHECK(message.find("4398046511104 bytes is needed") != std::string::npos);
  CHECK(message.find("available") != std::string::npos);
}

}  // namespace nestor::test
