// Floating point: rounding, NaN, infinities and conversions as the PTX ISA's text has them.
#include <catch2/catch.hpp>
#include <cmath>

#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

constexpr u32 kNaN = 0x7fffffffu;

// `body` takes %f1, which is the input, and leaves %f2.
u32 f32(const std::string& body, u32 in) {
  return run("mov.b32 %f1, %r1; " + body + " mov.b32 %r2, %f2;", {in}, {1, 1})[0];
}

u32 word(const std::string& body, u32 in) { return run(body, {in}, {1, 1})[0]; }

}  // namespace

TEST_CASE("ptx: sums, products and fma of fp32", "[ptx]") {
  CHECK(f32("add.f32 %f2, %f1, 0f3F800000;", bits(2.5f)) == bits(3.5f));
  CHECK(f32("sub.f32 %f2, %f1, 0f3F800000;", bits(2.5f)) == bits(1.5f));
  CHECK(f32("mul.f32 %f2, %f1, %f1;", bits(1.5f)) == bits(2.25f));
  // (1 + 2^-12)^2 - 1: a separate product loses the last bit.
  const u32 x = bits(1.0f + 0x1p-12f);
  CHECK(f32("fma.rn.f32 %f2, %f1, %f1, 0fBF800000;", x) == bits(0x1p-11f + 0x1p-24f));
  CHECK(f32("mul.f32 %f3, %f1, %f1; add.f32 %f2, %f3, 0fBF800000;", x) == bits(0x1p-11f));
  CHECK(f32("add.rz.f32 %f2, %f1, 0f33C00000;", bits(1.0f)) == bits(1.0f));  // 1 + 1.5 * 2^-24
  CHECK(f32("add.rn.f32 %f2, %f1, 0f33C00000;", bits(1.0f)) == bits(1.0f + 0x1p-23f));
  CHECK(f32("add.rp.f32 %f2, %f1, 0f2F800000;", bits(1.0f)) == bits(1.0f + 0x1p-23f));
  CHECK(f32("mul.ftz.f32 %f2, %f1, %f1;", bits(0x1p-70f)) == 0);
  CHECK(f32("mul.f32 %f2, %f1, %f1;", bits(0x1p-70f)) == bits(0x1p-140f));
  CHECK(f32("add.sat.f32 %f2, %f1, %f1;", bits(3.0f)) == bits(1.0f));
  CHECK(f32("div.rn.f32 %f2, %f1, 0f40400000;", bits(1.0f)) == bits(1.0f / 3.0f));
}

TEST_CASE("ptx: least and largest of fp32", "[ptx]") {
  CHECK(f32("max.f32 %f2, %f1, 0f3F800000;", kNaN) == bits(1.0f));  // a number if there is one
  CHECK(f32("min.f32 %f2, 0f3F800000, %f1;", kNaN) == bits(1.0f));
  CHECK(f32("max.NaN.f32 %f2, %f1, 0f3F800000;", kNaN) == kNaN);
  CHECK(f32("max.f32 %f2, %f1, 0f00000000;", 0x80000000u) == 0);  // +0 is larger than -0
  CHECK(f32("min.f32 %f2, 0f00000000, %f1;", 0x80000000u) == 0x80000000u);
  CHECK(f32("neg.f32 %f2, %f1;", bits(2.0f)) == bits(-2.0f));
  CHECK(f32("abs.f32 %f2, %f1;", bits(-2.0f)) == bits(2.0f));
}

TEST_CASE("ptx: comparisons with NaN", "[ptx]") {
  const auto holds = [](const std::string& how, u32 in) {
    return word("mov.b32 %f1, %r1; setp." + how +
                    ".f32 %p1, %f1, 0f3F800000; selp.u32 %r2, 1, 0, %p1;",
                in) == 1;
  };
  for (const char* ordered : {"eq", "ne", "lt", "le", "gt", "ge"})
    CHECK_FALSE(holds(ordered, kNaN));
  for (const char* either : {"equ", "neu", "ltu", "leu", "gtu", "geu"}) CHECK(holds(either, kNaN));
  CHECK(holds("nan", kNaN));
  CHECK_FALSE(holds("num", kNaN));
  CHECK(holds("ge", bits(1.0f)));
  CHECK_FALSE(holds("gtu", bits(1.0f)));
}

TEST_CASE("ptx: approximations are within what the ISA allows", "[ptx]") {
  for (const bool worst : {false, true}) {
    Options changed = options();
    changed.worst_approx = worst;
    const With with(changed);
    for (const float x : {0.25f, 0.7f, 1.0f, 3.14f, -2.5f}) {
      CAPTURE(worst, x);
      CHECK(number(f32("ex2.approx.ftz.f32 %f2, %f1;", bits(x))) ==
            Approx(std::exp2(x)).epsilon(0x1p-21));
      CHECK(number(f32("rcp.approx.ftz.f32 %f2, %f1;", bits(x))) == Approx(1 / x).epsilon(0x1p-22));
    }
  }
  CHECK(f32("ex2.approx.ftz.f32 %f2, %f1;", bits(-INFINITY)) == 0);
  CHECK(f32("rcp.approx.ftz.f32 %f2, %f1;", 0) == bits(INFINITY));
  CHECK(f32("rcp.rn.f32 %f2, %f1;", bits(3.0f)) == bits(1.0f / 3.0f));
  CHECK(f32("sqrt.rn.f32 %f2, %f1;", bits(2.0f)) == bits(std::sqrt(2.0f)));
}

TEST_CASE("ptx: conversions to and from fp16", "[ptx]") {
  const auto to_half = [](const std::string& how, float x) {
    return word("mov.b32 %f1, %r1; cvt." + how + ".f16.f32 %h1, %f1; mov.b32 %r2, {%h1, %h1};",
                bits(x)) &
           0xffff;
  };
  CHECK(to_half("rn", 1.0f) == 0x3c00);
  CHECK(to_half("rn", 1.0f + 0x1p-11f) == 0x3c00);  // a tie: to even
  CHECK(to_half("rn", 1.0f + 3 * 0x1p-11f) == 0x3c02);
  CHECK(to_half("rz", 1.0f + 3 * 0x1p-11f) == 0x3c01);
  CHECK(to_half("rn", 65520.0f) == 0x7c00);
  CHECK(to_half("rn", 0x1p-24f) == 1);  // subnormal
  CHECK(word("mov.b32 {%h1, %h2}, %r1; cvt.f32.f16 %f2, %h2; mov.b32 %r2, %f2;", 0x4200'0001u) ==
        bits(3.0f));
  // The first operand becomes the upper half.
  CHECK(word("mov.b32 %f1, %r1; cvt.rn.f16x2.f32 %r2, %f1, 0f40000000;", bits(1.0f)) ==
        0x3c004000u);
  CHECK(word("mov.b32 %f1, %r1; cvt.rn.bf16.f32 %h1, %f1; mov.b32 %r2, {%h1, %h1};",
             bits(1.0f + 0x1p-8f)) == 0x3f803f80u);
}

TEST_CASE("ptx: pairs of fp16", "[ptx]") {
  const u32 one_two = 0x40003c00u;  // 1 below, 2 above
  CHECK(word("add.rn.f16x2 %r2, %r1, %r1;", one_two) == 0x44004000u);
  CHECK(word("mul.rn.f16x2 %r2, %r1, %r1;", one_two) == 0x44003c00u);
  CHECK(word("fma.rn.f16x2 %r2, %r1, %r1, %r1;", one_two) == 0x46004000u);
  CHECK(word("max.f16x2 %r2, %r1, 0x3c003e00;", one_two) == 0x40003e00u);
  CHECK(word("neg.f16x2 %r2, %r1;", one_two) == 0xc000bc00u);
  // 2050 + 1 lies between two fp16 numbers: to even.
  CHECK((word("fma.rn.f16x2 %r2, %r1, 0x3c003c00, 0x3c003c00;", 0x6801) & 0xffff) == 0x6802);
}

TEST_CASE("ptx: conversions between integers and floats", "[ptx]") {
  CHECK(word("cvt.rn.f32.u32 %f2, %r1; mov.b32 %r2, %f2;", 0xffffffffu) == bits(4294967296.0f));
  CHECK(word("cvt.rn.f32.s32 %f2, %r1; mov.b32 %r2, %f2;", 0xffffffffu) == bits(-1.0f));
  CHECK(word("cvt.u16.u32 %h1, %r1; cvt.rn.f32.u16 %f2, %h1; mov.b32 %r2, %f2;", 0x10007) ==
        bits(7.0f));
  CHECK(word("cvt.u32.u8 %r2, %r1;", 0x1ff) == 0xff);
  CHECK(word("cvt.s32.s8 %r2, %r1;", 0x1ff) == 0xffffffffu);
  const auto to_int = [](const std::string& how, float x) {
    return word("mov.b32 %f1, %r1; cvt." + how + ".f32 %r2, %f1;", bits(x));
  };
  CHECK(to_int("rzi.s32", -2.9f) == static_cast<u32>(-2));
  CHECK(to_int("rni.s32", 2.5f) == 2);
  CHECK(to_int("rmi.s32", -2.1f) == static_cast<u32>(-3));
  CHECK(to_int("rpi.s32", 2.1f) == 3);
  CHECK(to_int("rzi.u32", -1.0f) == 0);  // cut off at the type's ends
  CHECK(to_int("rzi.s32", 3e9f) == 0x7fffffffu);
  CHECK(to_int("rzi.s32", NAN) == 0);
}

}  // namespace nestor::ptx::test
