// Fragments of tensor cores: where the ISA's tables have each element, one element at a time.
#include <bit>
#include <catch2/catch.hpp>
#include <random>

#include "tests/ptx/machine/tensor.h"
#include "tests/ptx/tests/program.h"

namespace nestor::ptx::test {
namespace {

struct Place {
  int product, row, column;
};

// An element of a fragment lies in a register of a lane; a register of 32 bits has two of 16.
struct Instruction {
  const char* name;
  MmaShape shape;
  Type type;
  int products, m, n, k, num_a, num_b, num_d;
  // Element i of a lane: A (row, k), B (k, column), D (row, column).
  Place (*a)(int lane, int i);
  Place (*b)(int lane, int i);
  Place (*d)(int lane, int i);
};

// m8n8k4: computation c has lanes 4 c to 4 c + 3 and 16 + 4 c to 16 + 4 c + 3. "row = laneid % 4 if
// laneid < 16, (laneid % 4) + 4 otherwise; col = i for ai"; B the other way around.
Place a_quad(int lane, int i) { return {lane % 16 / 4, lane % 4 + (lane < 16 ? 0 : 4), i}; }
Place b_quad(int lane, int i) { return {lane % 16 / 4, i, lane % 4 + (lane < 16 ? 0 : 4)}; }
// "row = X + (i & 2) with X = laneid & 1 if laneid < 16, (laneid & 1) + 4 otherwise;
// col = (i & 4) + (laneid & 2) + (i & 1)"
Place d_quad(int lane, int i) {
  return {lane % 16 / 4, (lane & 1) + (lane < 16 ? 0 : 4) + (i & 2),
          (i & 4) + (lane & 2) + (i & 1)};
}
// groupID = laneid >> 2, threadID_in_group = laneid % 4.
Place a_half(int lane, int i) {
  const bool upper = i % 4 < 2;  // "groupID for 0 <= i < 2 || 4 <= i < 6"
  return {0, (lane >> 2) + (upper ? 0 : 8), lane % 4 * 2 + (i & 1) + (i < 4 ? 0 : 8)};
}
Place b_half(int lane, int i) { return {0, lane % 4 * 2 + (i & 1) + (i < 2 ? 0 : 8), lane >> 2}; }
Place d_group(int lane, int i) {
  return {0, (lane >> 2) + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)};
}
Place a_tf32(int lane, int i) {  // "row = groupID for a0 and a2; col + 4 for a2 and a3"
  return {0, (lane >> 2) + (i == 0 || i == 2 ? 0 : 8), lane % 4 + (i < 2 ? 0 : 4)};
}
Place b_tf32(int lane, int i) { return {0, lane % 4 + (i == 0 ? 0 : 4), lane >> 2}; }

const Instruction kInstructions[] = {
    {"m8n8k4.f16", MmaShape::kM8N8K4, Type::kF16, 4, 8, 8, 4, 2, 2, 8, a_quad, b_quad, d_quad},
    {"m16n8k8.f16", MmaShape::kM16N8K8, Type::kF16, 1, 16, 8, 8, 2, 1, 4, a_half, b_half, d_group},
    {"m16n8k8.bf16", MmaShape::kM16N8K8, Type::kBf16, 1, 16, 8, 8, 2, 1, 4, a_half, b_half,
     d_group},
    {"m16n8k8.tf32", MmaShape::kM16N8K8, Type::kTf32, 1, 16, 8, 8, 4, 2, 4, a_tf32, b_tf32,
     d_group},
    {"m16n8k16.f16", MmaShape::kM16N8K16, Type::kF16, 1, 16, 8, 16, 4, 2, 4, a_half, b_half,
     d_group},
    {"m16n8k16.bf16", MmaShape::kM16N8K16, Type::kBf16, 1, 16, 8, 16, 4, 2, 4, a_half, b_half,
     d_group},
};

struct Registers {
  u32 a[4][kLanes] = {}, b[2][kLanes] = {}, c[8][kLanes] = {}, d[8][kLanes] = {};
};

using Mma = void(MmaShape, Type, const u32* const*, const u32* const*, const u32* const*,
                 u32* const*);

void multiply(const Instruction& in, Mma* by, Registers& r) {
  const u32 *a[4], *b[2], *c[8];
  u32* d[8];
  for (int i = 0; i < 4; ++i) a[i] = r.a[i];
  for (int i = 0; i < 2; ++i) b[i] = r.b[i];
  for (int i = 0; i < 8; ++i) c[i] = r.c[i], d[i] = r.d[i];
  by(in.shape, in.type, a, b, c, d);
}

// 1 as an element of the type; upper where it is the upper half of a register.
u32 one(Type type, bool upper) {
  if (type == Type::kTf32) return bits(1.0f);
  const u32 half = type == Type::kF16 ? 0x3c00 : 0x3f80;
  return upper ? half << 16 : half;
}

}  // namespace

TEST_CASE("ptx: each element of A and B meets its partners", "[ptx]") {
  for (const Instruction& in : kInstructions) {
    const int each = in.type == Type::kTf32 ? 1 : 2;
    int wrong = 0, sums = 0;
    for (int a_lane = 0; a_lane < kLanes; ++a_lane) {
      for (int i = 0; i < in.num_a * each; ++i) {
        const Place place = in.a(a_lane, i);
        Registers r;
        r.a[i / each][a_lane] = one(in.type, i % 2 == 1);
        // All of B is 1 in row k of the element.
        for (int lane = 0; lane < kLanes; ++lane) {
          for (int j = 0; j < in.num_b * each; ++j) {
            if (in.b(lane, j).row == place.column) {
              r.b[j / each][lane] |= one(in.type, j % 2 == 1);
            }
          }
        }
        multiply(in, mma, r);
        for (int lane = 0; lane < kLanes; ++lane) {
          for (int j = 0; j < in.num_d; ++j) {
            const Place d = in.d(lane, j);
            const bool hit = d.product == place.product && d.row == place.row;
            sums += hit ? 1 : 0;
            wrong += r.d[j][lane] != (hit ? bits(1.0f) : 0u) ? 1 : 0;
          }
        }
      }
    }
    CAPTURE(in.name);
    CHECK(wrong == 0);
    CHECK(sums == in.products * in.m * in.n * in.k);
  }
}

TEST_CASE("ptx: each element of B lies in the column of the ISA's table", "[ptx]") {
  for (const Instruction& in : kInstructions) {
    const int each = in.type == Type::kTf32 ? 1 : 2;
    int wrong = 0;
    for (int b_lane = 0; b_lane < kLanes; ++b_lane) {
      for (int i = 0; i < in.num_b * each; ++i) {
        Registers r;
        r.b[i / each][b_lane] = one(in.type, i % 2 == 1);
        for (auto& row : r.a) {
          for (u32& word : row) word = one(in.type, false) | one(in.type, true);
        }
        const Place place = in.b(b_lane, i);
        multiply(in, mma, r);
        for (int lane = 0; lane < kLanes; ++lane) {
          for (int j = 0; j < in.num_d; ++j) {
            const Place d = in.d(lane, j);
            const bool hit = d.product == place.product && d.column == place.column;
            wrong += r.d[j][lane] != (hit ? bits(1.0f) : 0u) ? 1 : 0;
          }
        }
      }
    }
    CAPTURE(in.name);
    CHECK(wrong == 0);
  }
}

TEST_CASE("ptx: products by vectors have the bits of those by the tables", "[ptx]") {
  std::mt19937 random(1);
  for (const Instruction& in : kInstructions) {
    int wrong = 0;
    for (int round = 0; round < 200; ++round) {
      Registers r;
      const u32 finite = in.type == Type::kF16 ? 0xbbffbbffu : 0xbfffbfffu;
      const auto number = [&] { return bits(static_cast<float>(random() % 4096) / 64 - 32); };
      for (auto& row : r.a) {
        for (u32& x : row) x = in.type == Type::kTf32 ? number() : random() & finite;
      }
      for (auto& row : r.b) {
        for (u32& x : row) x = in.type == Type::kTf32 ? number() : random() & finite;
      }
      for (auto& row : r.c) {
        for (u32& x : row) x = number();
      }
      Registers slow = r;
      multiply(in, mma_by_vectors, r);
      multiply(in, mma_by_tables, slow);
      for (int i = 0; i < in.num_d; ++i) {
        for (int lane = 0; lane < kLanes; ++lane) {
          const float x = test::number(r.d[i][lane]), y = test::number(slow.d[i][lane]);
          wrong += r.d[i][lane] != slow.d[i][lane] && !(x != x && y != y) ? 1 : 0;
        }
      }
    }
    CAPTURE(in.name);
    CHECK(wrong == 0);
  }
}

TEST_CASE("ptx: sums that cut off differ from those that round in their last bits", "[ptx]") {
  const Instruction& in = kInstructions[4];
  Registers r;
  for (auto& row : r.a) {
    for (u32& x : row) x = 0x2e662e66;  // 0.1
  }
  for (auto& row : r.b) {
    for (u32& x : row) x = 0x2e662e66;
  }
  Registers chopped = r;
  multiply(in, mma, r);
  Options changed = options();
  changed.chop = true;
  const With with(changed);
  multiply(in, mma, chopped);
  CHECK(number(chopped.d[0][0]) == Approx(number(r.d[0][0])).epsilon(1e-5));
  CHECK(number(chopped.d[0][0]) <= number(r.d[0][0]));
}

TEST_CASE("ptx: ldmatrix", "[ptx]") {
  // Row r of the matrices, from lane r, has 16-bit elements 8 r to 8 r + 7.
  const std::string fill = R"(
    shl.b32 %r5, %r0, 4;
    add.u32 %r5, %r5, %r4;
    shl.b32 %r6, %r0, 3;
    shl.b32 %r7, %r6, 16;
    or.b32 %r6, %r6, %r7;
    add.u32 %r6, %r6, 0x10000;
    add.u32 %r7, %r6, 0x20002;
    add.u32 %r8, %r6, 0x40004;
    add.u32 %r9, %r6, 0x60006;
    st.shared.v4.u32 [%r5], {%r6, %r7, %r8, %r9};
    bar.warp.sync -1;
  )";
  const auto x4 = [&](const std::string& trans, int matrix) {
    std::string body = fill + "ldmatrix.sync.aligned.m8n8.x4" + trans +
                       ".shared.b16 {%r10, %r11, %r12, %r13}, [%r5]; mov.b32 %r2, %r1";
    return run(body + std::to_string(matrix) + ";");
  };
  for (u32 matrix = 0; matrix < 4; ++matrix) {
    const auto plain = x4("", static_cast<int>(matrix));
    const auto turned = x4(".trans", static_cast<int>(matrix));
    for (u32 lane = 0; lane < 32; ++lane) {
      // "each thread holds row laneid / 4, elements 2 (laneid % 4) and the next"
      const u32 row = lane / 4, column = 2 * (lane % 4), first = 64 * matrix;
      CHECK(plain[lane] == ((first + 8 * row + column) | (first + 8 * row + column + 1) << 16));
      CHECK(turned[lane] == ((first + 8 * column + row) | (first + 8 * (column + 1) + row) << 16));
    }
  }
  // The rows were written by other lanes than those that hold them.
  std::string unordered = fill;
  unordered.replace(unordered.find("bar.warp.sync -1;"), 17, "");
  for (const char* trans : {"", ".trans"}) {
    CHECK(fault(unordered + "ldmatrix.sync.aligned.m8n8.x4" + trans +
                ".shared.b16 {%r10, %r11, %r12, %r13}, [%r5];")
              .find("a race: reads") != std::string::npos);
  }
  // .x1 takes addresses of lanes 0 to 7, .x2 of lanes 0 to 15; before sm_80 those of the others
  // must be valid, too.
  const std::string bad = fill + "setp.ge.u32 %p1, %r0, LANES; @%p1 mov.u32 %r5, 0x7ffffff0; ";
  const auto with_bad_lanes = [&](int sm, const std::string& lanes, const std::string& load) {
    Options changed = options();
    changed.sm = sm;
    const With with(changed);
    std::string body = bad;
    body.replace(body.find("LANES"), 5, lanes);
    return fault(body + load);
  };
  const std::string x1 = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r2}, [%r5];";
  const std::string x2 = "ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r2, %r6}, [%r5];";
  CHECK(with_bad_lanes(80, "8", x1).empty());
  CHECK(with_bad_lanes(80, "16", x2).empty());
  CHECK_FALSE(with_bad_lanes(80, "15", x2).empty());
  CHECK_FALSE(with_bad_lanes(75, "8", x1).empty());
  CHECK(fault(fill + "add.u32 %r5, %r5, 8; " + x1).find("not aligned to 16") != std::string::npos);
  CHECK(fault("setp.eq.u32 %p1, %r0, 3; @%p1 bra OUT; mov.u32 %r5, %r4;" + x1 + "OUT:")
            .find("without all lanes") != std::string::npos);
}

}  // namespace nestor::ptx::test
