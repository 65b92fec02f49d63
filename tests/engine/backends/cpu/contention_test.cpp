#include "engine/backends/cpu/contention.h"

#include <catch2/catch.hpp>

namespace nestor::cpu {

namespace {

// A process that runs for 50 ms of CPU time at a time.
struct Process {
  Contention contention;
  std::chrono::microseconds cpu_time{7'000'000};
  std::int64_t switches = 1000;

  // The state after `rounds` with so many involuntary switches each.
  bool busy_after(int rounds, std::int64_t each) {
    for (int i = 0; i < rounds; ++i) {
      cpu_time += std::chrono::milliseconds(50);
      switches += each;
      contention.update(cpu_time, switches);
    }
    return contention.is_busy();
  }
};

}  // namespace

TEST_CASE("contention: a machine is busy until three windows were quiet", "[cpu]") {
  Process process;
  CHECK(process.busy_after(1, 0));  // the start of the first window, whatever was before
  CHECK(process.busy_after(5, 0));
  CHECK_FALSE(process.busy_after(1, 0));
  CHECK_FALSE(process.busy_after(20, 1));  // 20 a second
  CHECK(process.busy_after(2, 8));
  CHECK(process.busy_after(4, 0));
  CHECK(process.busy_after(2, 2));  // in between: the count of quiet windows begins anew
  CHECK(process.busy_after(4, 0));
  CHECK_FALSE(process.busy_after(2, 0));
}

TEST_CASE("contention: on a busy machine nothing else is found", "[cpu]") {
  Process process;
  CHECK(process.busy_after(100, 9));
}

}  // namespace nestor::cpu
