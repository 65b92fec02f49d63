// Lanes together and apart: shuffles, votes, divergence, and .sync instructions that lanes miss.
#include <catch2/catch.hpp>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {

TEST_CASE("ptx: shuffles", "[ptx]") {
  const auto lanes = [](const std::string& how, auto from) {
    const auto out = run("shfl.sync." + how + ".b32 %r2, %r0, " + from(0).second + ", -1;");
    for (int lane = 0; lane < 32; ++lane) {
      CAPTURE(how, lane);
      CHECK(static_cast<int>(out[static_cast<std::size_t>(lane)]) == from(lane).first);
    }
  };
  using P = std::pair<int, std::string>;
  lanes("bfly", [](int l) { return P{l ^ 5, "5, 31"}; });
  lanes("down", [](int l) { return P{l + 3 < 32 ? l + 3 : l, "3, 31"}; });
  lanes("up", [](int l) { return P{l >= 3 ? l - 3 : l, "3, 0"}; });
  lanes("idx", [](int) { return P{9, "9, 31"}; });
  // Segments of 8: c is (32 - 8) << 8 and the last lane of a segment, or 0 for up.
  lanes("idx", [](int l) { return P{l / 8 * 8 + 2, "2, 6175"}; });
  lanes("down", [](int l) { return P{l % 8 + 3 < 8 ? l + 3 : l, "3, 6175"}; });
  lanes("up", [](int l) { return P{l % 8 >= 3 ? l - 3 : l, "3, 6144"}; });
  const auto valid = run("shfl.sync.down.b32 %r5|%p1, %r0, 1, 31, -1; selp.u32 %r2, 1, 0, %p1;");
  CHECK(valid[30] == 1);
  CHECK(valid[31] == 0);
}

TEST_CASE("ptx: votes", "[ptx]") {
  const std::string first = "setp.lt.u32 %p1, %r0, 3; ";
  CHECK(run(first + "vote.sync.ballot.b32 %r2, %p1, -1;")[20] == 7);
  CHECK(run(first + "vote.sync.any.pred %p2, %p1, -1; selp.u32 %r2, 1, 0, %p2;")[20] == 1);
  CHECK(run(first + "vote.sync.all.pred %p2, %p1, -1; selp.u32 %r2, 1, 0, %p2;")[0] == 0);
  CHECK(run(first + "vote.sync.all.pred %p2, !%p1, -1; selp.u32 %r2, 1, 0, %p2;")[0] == 0);
  CHECK(run(first + "vote.sync.uni.pred %p2, %p1, -1; selp.u32 %r2, 1, 0, %p2;")[0] == 0);
}

TEST_CASE("ptx: lanes that part meet again", "[ptx]") {
  const auto branches = run(R"(
    setp.lt.u32 %p1, %r0, 10;
    @%p1 bra SMALL;
    mov.u32 %r5, 100;
    bra DONE;
  SMALL:
    mov.u32 %r5, 1;
  DONE:
    shfl.sync.bfly.b32 %r2, %r5, 16, 31, -1;
  )");
  CHECK(branches[0] == 100);
  CHECK(branches[16] == 1);
  CHECK(branches[31] == 100);
  const auto loops = run(R"(
    mov.u32 %r5, 0;
  NEXT:
    add.u32 %r2, %r2, %r5;
    add.u32 %r5, %r5, 1;
    setp.le.u32 %p1, %r5, %r0;
    @%p1 bra NEXT;
    activemask.b32 %r6;
    setp.ne.b32 %p2, %r6, -1;
    @%p2 mov.u32 %r2, 9999;
  )");
  for (u32 lane = 0; lane < 32; ++lane) CHECK(loops[lane] == lane * (lane + 1) / 2);
}

TEST_CASE("ptx: a .sync instruction waits for its lanes", "[ptx]") {
  // The lanes come to it on two ways.
  CHECK(run(R"(
    setp.lt.u32 %p1, %r0, 16;
    mov.u32 %r5, 3;
    @%p1 bra HERE;
    mov.u32 %r5, 4;
  HERE:
    shfl.sync.idx.b32 %r2, %r5, 31, 31, -1;
  )")[0] == 4);
  // A mask of the lower half is enough for the lower half.
  CHECK(run("setp.lt.u32 %p1, %r0, 16; @!%p1 bra OUT;"
            "shfl.sync.bfly.b32 %r2, %r0, 1, 31, 0xffff; OUT:")[4] == 5);
  CHECK(fault("setp.lt.u32 %p1, %r0, 16; @%p1 shfl.sync.bfly.b32 %r2, %r0, 1, 31, -1;")
            .find("under a guard that lanes disagree about") != std::string::npos);
  CHECK(fault("setp.eq.u32 %p1, %r0, 7; @%p1 ret; vote.sync.ballot.b32 %r2, %p1, -1;")
            .find("waits for lanes that have ended") != std::string::npos);
  CHECK(
      fault("shfl.sync.bfly.b32 %r2, %r0, 1, 31, 1;").find("a lane that its own mask leaves out") !=
      std::string::npos);
  CHECK(fault("setp.lt.u32 %p1, %r0, 16; @%p1 bra A; bar.warp.sync -1; bra B;"
              "A: vote.sync.any.pred %p2, %p1, -1; B:")
            .find("wait for one another at different places") != std::string::npos);
}

}  // namespace nestor::ptx::test
