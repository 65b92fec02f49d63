// cp.async: what arrives, when it is seen, and what must not be touched before.
#include <catch2/catch.hpp>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

// Thread t copies words 4 t to 4 t + 3 of the input to the same place of shared memory.
const std::string kPlaces =
    "shl.b32 %r5, %r0, 4; cvt.u64.u32 %d5, %r5; add.u64 %d5, %d2, %d5;"
    "add.u32 %r5, %r5, %r4; ";
const std::string kRead = " ld.shared.u32 %r2, [%r5+4];";

std::vector<u32> numbers() {
  std::vector<u32> in(128);
  for (u32 i = 0; i < 128; ++i) in[i] = i;
  return in;
}

// What the body gives if copies arrive at once, and if they arrive at the wait.
std::vector<std::vector<u32>> both(const std::string& body) {
  std::vector<std::vector<u32>> results;
  for (const int async : {0, 1}) {
    Options changed = options();
    changed.async = async;
    const With with(changed);
    results.push_back(run(kPlaces + body, numbers()));
  }
  return results;
}

std::string found(const std::string& body) { return fault(kPlaces + body, numbers()); }

}  // namespace

TEST_CASE("ptx: copies of cp.async", "[ptx]") {
  for (const auto& out : both("cp.async.cg.shared.global [%r5], [%d5], 16; cp.async.commit_group;"
                              "cp.async.wait_group 0;" +
                              kRead)) {
    for (u32 thread = 0; thread < 32; ++thread) CHECK(out[thread] == 4 * thread + 1);
  }
  // Bytes behind the source's size become zero; no byte is read of a source of size 0.
  for (const auto& out :
       both("cp.async.cg.shared.global [%r5], [%d5], 16, 4; cp.async.wait_all;" + kRead)) {
    CHECK(out[3] == 0);
  }
  for (const auto& out : both("mov.u64 %d5, 0; cp.async.ca.shared.global [%r5], [%d5], 8, 0;"
                              "cp.async.wait_all;" +
                              kRead)) {
    CHECK(out[3] == 0);
  }
  for (const auto& out :
       both("cp.async.ca.shared.global [%r5+4], [%d5+8], 4; cp.async.wait_all;" + kRead)) {
    CHECK(out[3] == 14);
  }
}

TEST_CASE("ptx: wait_group n leaves the latest n groups on their way", "[ptx]") {
  const std::string two =
      "cp.async.cg.shared.global [%r5], [%d5], 16; cp.async.commit_group;"
      "cp.async.cg.shared.global [%r5+1024], [%d5], 16;"
      "cp.async.commit_group; ";
  CHECK(both(two + "cp.async.wait_group 1;" + kRead)[1][2] == 9);
  CHECK(found(two + "cp.async.wait_group 2;" + kRead).find("has not waited for") !=
        std::string::npos);
  CHECK(found(two + "cp.async.wait_group 1; ld.shared.u32 %r2, [%r5+1028];")
            .find("has not waited for") != std::string::npos);
  // What was never committed belongs to no group.
  CHECK(found("cp.async.cg.shared.global [%r5], [%d5], 16; cp.async.wait_group 0;" + kRead)
            .find("has not waited for") != std::string::npos);
}

TEST_CASE("ptx: a copy is seen by other threads behind a barrier only", "[ptx]") {
  const std::string copy = "cp.async.cg.shared.global [%r5], [%d5], 16; cp.async.wait_all; ";
  const std::string other = "xor.b32 %r6, %r5, 16; ld.shared.u32 %r2, [%r6+4];";
  CHECK(found(copy + other).find("a race: reads") != std::string::npos);
  CHECK(found(copy + "bar.warp.sync -1; " + other).empty());
  CHECK(both(copy + "bar.sync 0; " + other)[1][0] == 5);
  // A copy to what others still read.
  CHECK(found("st.shared.u32 [%r5], 1; bar.sync 0; xor.b32 %r6, %r5, 16;"
              "ld.shared.u32 %r2, [%r6]; cp.async.cg.shared.global [%r5], [%d5], 16;")
            .find("a race: copies to shared address") != std::string::npos);
}

TEST_CASE("ptx: copies that are wrong", "[ptx]") {
  CHECK(found("cp.async.cg.shared.global [%r5], [%d5], 8;").find("no size of cp.async") !=
        std::string::npos);
  CHECK(found("cp.async.ca.shared.global [%r5+4], [%d5], 8;").find("not aligned to 8") !=
        std::string::npos);
  CHECK(found("cp.async.ca.shared.global [%r5], [%d5+4], 8;").find("not aligned to 8") !=
        std::string::npos);
  CHECK(found("cp.async.cg.shared.global [%r5+2048], [%d5], 16;")
            .find("past the end of shared memory") != std::string::npos);
  CHECK(
      found("cp.async.cg.shared.global [%r5], [%d5+512], 16;").find("outside all global memory") !=
      std::string::npos);
  CHECK(found("cp.async.cg.shared.global [%r5], [%d5], 16, 17;").find("copies 17 of 16 bytes") !=
        std::string::npos);
}

}  // namespace nestor::ptx::test
