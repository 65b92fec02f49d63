// Loads, stores and atomic operations, and what makes them faults.
#include <algorithm>
#include <catch2/catch.hpp>
#include <numeric>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

bool names(const std::string& text, const std::string& part) {
  CAPTURE(text);
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("ptx: loads extend what is narrower than their register", "[ptx]") {
  const std::vector<u32> in{0x8001ff80u, 0x11223344u, 0x55667788u, 0x99aabbccu};
  CHECK(run("ld.global.u8 %r2, [%d0];", in, {1, 1})[0] == 0x80);
  CHECK(run("ld.global.s8 %r2, [%d0];", in, {1, 1})[0] == 0xffffff80u);
  CHECK(run("ld.global.u16 %r2, [%d0+2];", in, {1, 1})[0] == 0x8001);
  CHECK(run("ld.global.v2.u32 {%r5, %r2}, [%d0];", in, {1, 1})[0] == 0x11223344u);
  CHECK(run("ld.global.v4.u32 {%r5, %r6, %r7, %r2}, [%d0];", in, {1, 1})[0] == 0x99aabbccu);
  CHECK(run("ld.global.nc.v4.u32 {%r5, %r6, %r2, _}, [%d0];", in, {1, 1})[0] == 0x55667788u);
  CHECK(run("ld.global.b64 %d5, [%d0+8]; shr.u64 %d5, %d5, 32; cvt.u32.u64 %r2, %d5;", in,
            {1, 1})[0] == 0x99aabbccu);
}

TEST_CASE("ptx: spaces and generic addresses", "[ptx]") {
  CHECK(run("st.shared.u32 [smem+8], %r1; ld.shared.u32 %r2, [smem+8];", {7}, {1, 1})[0] == 7);
  CHECK(run("cvt.u64.u32 %d5, %r4; cvta.shared.u64 %d5, %d5; st.u32 [%d5], %r1;"
            "ld.shared.u32 %r2, [smem];",
            {7}, {1, 1})[0] == 7);
  CHECK(run("cvta.to.global.u64 %d5, %d0; ld.global.u32 %r2, [%d5];", {7}, {1, 1})[0] == 7);
  // Each thread has local memory of its own.
  const auto local =
      run(".local .align 4 .b8 own[8]; st.local.u32 [own+4], %r0;"
          "ld.local.u32 %r2, [own+4];");
  std::vector<u32> expected(32);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(local == expected);
}

TEST_CASE("ptx: fresh memory is NaN", "[ptx]") {
  CHECK(run("ld.shared.u32 %r2, [smem];", {}, {1, 1})[0] == 0xffffffffu);
  CHECK(run("mov.b32 %r2, %f9;", {}, {1, 1})[0] == 0xffffffffu);  // a register that nobody wrote
}

TEST_CASE("ptx: accesses outside memory are faults", "[ptx]") {
  CHECK(names(fault("ld.global.u32 %r2, [%d2+128];"), "no block there"));
  CHECK(names(fault("ld.global.v2.u32 {%r2, %r5}, [%d2+124];"), "not aligned to 8 bytes"));
  CHECK(names(fault("ld.global.u64 %d5, [%d2+8];", {}, {3, 1}), "runs over the end of a block"));
  CHECK(names(fault("st.global.u32 [%d2+-4096], %r1;"), "a write of 4 bytes at global address"));
  CHECK(names(fault("mov.u64 %d5, 0; ld.global.u32 %r2, [%d5];"), "no block there"));
  CHECK(names(fault("ld.shared.u32 %r2, [smem+2048];"), "shared address 2048 of 2048 bytes"));
  CHECK(names(fault("ld.shared.u32 %r2, [smem+2];"), "not aligned to 4 bytes"));
  CHECK(names(fault("ld.param.u64 %d5, [out+8];"), "outside the parameters"));
  CHECK(names(fault(".local .align 4 .b8 own[8]; ld.local.u32 %r2, [own+8];"),
              "outside local memory"));
  CHECK(names(fault("ld.global.u32 %r2, [%d2+128];"), "block (0, 0, 0), thread 0, line"));
}

TEST_CASE("ptx: lanes that a guard leaves out access nothing", "[ptx]") {
  const auto out =
      run("mov.u64 %d5, 0; setp.lt.u32 %p1, %r0, 32; @%p1 mov.u64 %d5, %d0;"
          "setp.eq.u32 %p2, %r0, 5; @!%p2 mov.u64 %d5, 0;"
          "@%p2 ld.global.u32 %r2, [%d5];",
          {0, 0, 0, 0, 0, 9});
  CHECK(out[5] == 9);
  CHECK(out[4] == 0);
}

TEST_CASE("ptx: atomic operations", "[ptx]") {
  const auto last = [](const std::string& body, u32 first) {
    return run("atom.global." + body + "; bar.sync 0; ld.global.u32 %r2, [%d2];", {first})[0];
  };
  CHECK(last("add.u32 %r5, [%d2], 2", 1) == 65);
  CHECK(last("min.s32 %r5, [%d2], -3", 1) == 0xfffffffdu);
  CHECK(last("max.u32 %r5, [%d2], %r0", 1) == 31);
  CHECK(last("and.b32 %r5, [%d2], 0xf0", 0xff) == 0xf0);
  CHECK(last("or.b32 %r5, [%d2], 0xf00", 0xff) == 0xfff);
  CHECK(last("inc.u32 %r5, [%d2], 9", 0) == 2);  // wraps behind 9: 32 times
  CHECK(last("cas.b32 %r5, [%d2], 1, 8", 1) == 8);
  CHECK(last("exch.b32 %r5, [%d2], 8", 1) == 8);
  // Each thread gets another old value.
  auto old = run("atom.global.add.u32 %r2, [%d2], 1;", {0}, {32, 4});
  std::sort(old.begin(), old.end());
  std::vector<u32> expected(128);
  std::iota(expected.begin(), expected.end(), 0);
  CHECK(old == expected);
}

}  // namespace nestor::ptx::test
