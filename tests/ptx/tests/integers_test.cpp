// Integer instructions, one at a time, with the results that the PTX ISA's text gives.
#include <catch2/catch.hpp>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

u32 one(const std::string& body, u32 in) { return run(body, {in}, {1, 1})[0]; }

struct Case {
  const char* body;
  u32 in, out;
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    CAPTURE(c.body, c.in);
    CHECK(one(c.body, c.in) == c.out);
  }
}

}  // namespace

TEST_CASE("ptx: sums and products of integers", "[ptx]") {
  check({
      {"add.s32 %r2, %r1, 5;", 0xffffffffu, 4},
      {"sub.u32 %r2, %r1, 5;", 4, 0xffffffffu},
      {"mul.lo.s32 %r2, %r1, -3;", 7, static_cast<u32>(-21)},
      {"mul.hi.u32 %r2, %r1, %r1;", 0xffffffffu, 0xfffffffeu},
      {"mul.hi.s32 %r2, %r1, %r1;", 0xffffffffu, 0},
      {"mad.lo.s32 %r2, %r1, 3, 4;", 5, 19},
      {"mul.wide.u32 %d5, %r1, %r1; shr.u64 %d5, %d5, 32; cvt.u32.u64 %r2, %d5;", 0x80000000u,
       0x40000000u},
      {"mul.wide.s32 %d5, %r1, 2; shr.s64 %d5, %d5, 32; cvt.u32.u64 %r2, %d5;", 0xfffffff0u,
       0xffffffffu},
      {"cvt.u16.u32 %h1, %r1; mul.wide.u16 %r2, %h1, %h1;", 0x1ffff, 0xfffe0001u},
      {"mad.wide.u32 %d5, %r1, 4, %d2; sub.u64 %d5, %d5, %d2; cvt.u32.u64 %r2, %d5;", 9, 36},
      {"cvt.u64.u32 %d5, %r1; or.b64 %d5, %d5, 0x500000000; cvt.s64.s32 %d5, %d5; shr.s64 %d5, "
       "%d5, 4; "
       "cvt.u32.u64 %r2, %d5;",
       0x80000000u, 0xf8000000u},
      {"cvt.u64.u32 %d5, %r1; add.u64 %d5, %d5, -1; shr.u64 %d5, %d5, 40; cvt.u32.u64 %r2, %d5;", 0,
       0xffffffu},
      {"neg.s32 %r2, %r1;", 5, 0xfffffffbu},
      {"abs.s32 %r2, %r1;", 0xfffffffbu, 5},
      {"min.s32 %r2, %r1, 3;", 0xfffffffbu, 0xfffffffbu},
      {"min.u32 %r2, %r1, 3;", 0xfffffffbu, 3},
      {"max.s32 %r2, %r1, 3;", 0xfffffffbu, 3},
      {"max.u32 %r2, %r1, 3;", 0xfffffffbu, 0xfffffffbu},
  });
}

TEST_CASE("ptx: division of integers", "[ptx]") {
  check({
      {"div.s32 %r2, %r1, 2;", 0xfffffff9u, 0xfffffffdu},  // towards zero
      {"rem.s32 %r2, %r1, 2;", 0xfffffff9u, 0xffffffffu},  // with the sign of the dividend
      {"div.u32 %r2, %r1, 10;", 0xfffffff9u, 429496728},
      {"rem.u32 %r2, %r1, 10;", 0xfffffff9u, 9},
  });
}

TEST_CASE("ptx: shifts cut their amount off at the width", "[ptx]") {
  check({
      {"shl.b32 %r2, 1, %r1;", 31, 0x80000000u},
      {"shl.b32 %r2, 1, %r1;", 32, 0},
      {"shr.u32 %r2, 0x80000000, %r1;", 31, 1},
      {"shr.u32 %r2, 0x80000000, %r1;", 40, 0},
      {"shr.s32 %r2, 0x80000000, %r1;", 40, 0xffffffffu},
      {"shf.l.wrap.b32 %r2, 0x80000001, 0x12345678, %r1;", 4, 0x23456788u},
      {"shf.r.wrap.b32 %r2, 0x12345678, 0x9, %r1;", 36, 0x91234567u},
      {"shf.r.clamp.b32 %r2, 0x12345678, 0x9, %r1;", 36, 9},
  });
}

TEST_CASE("ptx: bits", "[ptx]") {
  check({
      {"and.b32 %r2, %r1, 0xff00;", 0x12345678, 0x5600},
      {"or.b32 %r2, %r1, 0xf;", 0x12345670, 0x1234567f},
      {"xor.b32 %r2, %r1, -1;", 0x12345678, 0xedcba987u},
      {"not.b32 %r2, %r1;", 0, 0xffffffffu},
      {"popc.b32 %r2, %r1;", 0xf0f0, 8},
      {"clz.b32 %r2, %r1;", 1, 31},
      {"clz.b32 %r2, %r1;", 0, 32},
      {"brev.b32 %r2, %r1;", 6, 0x60000000u},
      {"bfind.u32 %r2, %r1;", 0x1000, 12},
      {"bfind.u32 %r2, %r1;", 0, 0xffffffffu},
      {"bfe.u32 %r2, %r1, 8, 8;", 0x12345678, 0x56},
      {"bfe.s32 %r2, %r1, 4, 4;", 0x000000f0, 0xffffffffu},
      {"bfi.b32 %r2, 0xff, %r1, 8, 4;", 0x12340078, 0x12340f78},
      {"cvt.u64.u32 %d5, %r1; bfi.b64 %d5, %d5, %d5, 32, 32; shr.u64 %d5, %d5, 28; cvt.u32.u64 "
       "%r2, %d5;",
       0x12345678, 0x23456781u},
      {"cvt.u64.u32 %d5, %r1; bfi.b64 %d5, %d5, %d5, 60, 8; shr.u64 %d5, %d5, 32; cvt.u32.u64 %r2, "
       "%d5;",
       0x12345678, 0x80000000u},
      {"prmt.b32 %r2, %r1, 0xaabbccdd, 0x5410;", 0x11223344, 0xccdd3344u},
      {"prmt.b32 %r2, %r1, 0, 0x888b;", 0x80000044u, 0x000000ffu},  // signs of bytes 0 and 3
  });
  CHECK(one("lop3.b32 %r2, %r1, 0xff00ff00, 0x0f0f0f0f, 0x96;", 0x12345678) ==
        (0x12345678u ^ 0xff00ff00u ^ 0x0f0f0f0fu));
  CHECK(one("lop3.b32 %r2, %r1, 0xff00ff00, 0x0f0f0f0f, 0xe8;", 0x12345678) ==
        ((0x12345678u & 0xff00ff00u) | (0x12345678u & 0x0f0f0f0fu) | (0xff00ff00u & 0x0f0f0f0fu)));
}

TEST_CASE("ptx: comparisons and choices", "[ptx]") {
  check({
      {"setp.lt.s32 %p1, %r1, 0; selp.u32 %r2, 1, 0, %p1;", 0xffffffffu, 1},
      {"setp.lt.u32 %p1, %r1, 1; selp.u32 %r2, 1, 0, %p1;", 0xffffffffu, 0},
      {"setp.hs.u32 %p1, %r1, 7; selp.u32 %r2, 1, 0, %p1;", 7, 1},
      {"setp.ne.b32 %p1|%p2, %r1, 7; selp.u32 %r2, 1, 0, %p2;", 7, 1},
      {"setp.eq.s32 %p3, %r1, %r1; setp.eq.and.s32 %p1, %r1, 7, !%p3; selp.u32 %r2, 1, 0, %p1;", 7,
       0},
      {"setp.ne.s32 %p3, %r1, 1; setp.eq.or.s32 %p1, %r1, 7, %p3; selp.u32 %r2, 1, 0, %p1;", 5, 1},
      {"setp.eq.s32 %p1, %r1, 7; not.pred %p1, %p1; selp.u32 %r2, 1, 0, %p1;", 7, 0},
      {"setp.eq.s32 %p1, %r1, 7; @%p1 mov.u32 %r2, 4; @!%p1 mov.u32 %r2, 5;", 7, 4},
      {"setp.eq.s32 %p1, %r1, 7; @%p1 mov.u32 %r2, 4; @!%p1 mov.u32 %r2, 5;", 8, 5},
  });
}

TEST_CASE("ptx: an instruction that the machine does not know is a fault that names it", "[ptx]") {
  CHECK(fault("dp4a.u32.u32 %r2, %r1, %r1, %r1;").find("dp4a.u32.u32") != std::string::npos);
  CHECK(fault("add.s32 %r2, %r99, 1;").find("%r99") != std::string::npos);
  CHECK(fault("bra nowhere;").find("nowhere") != std::string::npos);
}

}  // namespace nestor::ptx::test
