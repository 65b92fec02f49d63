// Accesses that nothing orders are found whatever the schedule was, and those that are ordered are
// not reported.
#include <catch2/catch.hpp>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

// Each thread writes its word, and reads that of thread ^ OTHER.
std::string neighbours(int other, const std::string& between) {
  return "shl.b32 %r5, %r0, 2; add.u32 %r5, %r5, %r4; st.shared.u32 [%r5], %r0; " + between +
         " xor.b32 %r6, %r0, " + std::to_string(other) +
         "; shl.b32 %r6, %r6, 2; add.u32 %r6, %r6, %r4; ld.shared.u32 %r2, [%r6];";
}

}  // namespace

TEST_CASE("ptx: races of shared memory between warps", "[ptx]") {
  CHECK(faults(neighbours(32, ""), "a race: ", {64, 1}));
  CHECK(faults(neighbours(32, "bar.warp.sync -1;"), "a race: ", {64, 1}));
  CHECK(runs(neighbours(32, "bar.sync 0;"), {64, 1}));
  // The next round overwrites what is still read.
  const std::string again = " st.shared.u32 [%r5], %r2;";
  CHECK(faults(neighbours(32, "bar.sync 0;") + again, "a race: ", {64, 1}));
  CHECK(runs(neighbours(32, "bar.sync 0;") + " bar.sync 0;" + again, {64, 1}));
}

TEST_CASE("ptx: races of shared memory within a warp", "[ptx]") {
  CHECK(faults(neighbours(1, ""), "a race: ", {32, 1}));
  CHECK(faults(neighbours(1, "shfl.sync.bfly.b32 %r7, %r0, 1, 31, -1;"), "a race: ", {32, 1}));
  CHECK(runs(neighbours(1, "bar.warp.sync -1;"), {32, 1}));
  CHECK(faults("st.shared.u32 [smem], %r0;", "a race: writes", {32, 1}));
  CHECK(runs("atom.shared.add.u32 %r5, [smem], 1;", {64, 1}));
}

TEST_CASE("ptx: a missing barrier is found even if values are right", "[ptx]") {
  Options changed = options();
  changed.races = false;
  const With with(changed);
  // Without the check, schedules in which the writer comes first see nothing.
  CHECK_FALSE(faults(neighbours(1, ""), "a race: ", {32, 1}));
}

TEST_CASE("ptx: races of global memory between blocks", "[ptx]") {
  Options changed = options();
  changed.global_races = true;
  const With with(changed);
  // Each block writes a word; the block whose atomic operation comes last adds them.
  const auto last_adds = [](const std::string& fence, const std::string& acquire) {
    return R"(
      setp.ne.u32 %p1, %r0, 0;
      @%p1 bra OUT;
      mul.wide.u32 %d5, %r3, 128;
      add.u64 %d5, %d2, %d5;
      st.global.u32 [%d5], 1;)" +
           fence + R"(
      atom.global.add.u32 %r5, [%d2+4], 1;
      setp.ne.u32 %p2, %r5, 3;
      @%p2 bra OUT;)" +
           acquire + R"(
      ld.global.u32 %r6, [%d2];
      ld.global.u32 %r7, [%d2+384];
      add.u32 %r2, %r6, %r7;
    OUT:
    )";
  };
  CHECK(runs(last_adds("membar.gl;", "membar.gl;"), {32, 4}));
  CHECK(faults(last_adds("", "membar.gl;"), "a race of blocks: reads", {32, 4}));
  CHECK(faults(last_adds("membar.gl;", ""), "a race of blocks: reads", {32, 4}));
  CHECK(faults("st.global.u32 [%d2], %r3;", "a race of blocks: ", {1, 2}));
}

}  // namespace nestor::ptx::test
