// Tensor-core instructions against plain loops, with the layouts of the PTX documentation written
// down once more. Small integers, so that sums are exact in any order.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "tests/simt/kernels/conformance.h"
#include "tests/simt/support/device.h"

namespace nestor::test {
namespace {

struct Position {
  int product, row, column;
};

struct Layout {
  const char* name;
  MmaKind kind;
  int sm;
  int num_products, m, n, k;
  int a_values, b_values, d_values;  // of a lane
  std::uint32_t (*bits)(float);      // of an input
  int bits_each;
  // Where value i of a lane lies: for A (row, k), for B (k, column), for D (row, column).
  Position (*a)(int lane, int i);
  Position (*b)(int lane, int i);
  Position (*d)(int lane, int i);
};

std::uint32_t half_bits(float value) {
  const auto half = static_cast<_Float16>(value);
  std::uint16_t bits;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}

std::uint32_t float_bits(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

std::uint32_t bfloat_bits(float value) { return float_bits(value) >> 16; }

// m8n8k4: quadpair q has lanes 4q..4q+3 and 16+4q..16+4q+3.
int quadpair(int lane) { return lane % 16 / 4; }
int in_quadpair(int lane) { return lane % 4 + (lane >= 16 ? 4 : 0); }

Position a_m8n8k4(int lane, int i) { return {quadpair(lane), in_quadpair(lane), i}; }
Position b_m8n8k4(int lane, int i) { return {quadpair(lane), i, in_quadpair(lane)}; }
Position d_m8n8k4(int lane, int i) {
  // "row = X if i is 0, 1, 4 or 5, X + 2 otherwise, where X = (laneid & 1) + (laneid < 16 ? 0 : 4)"
  const int x = (lane & 1) + (lane < 16 ? 0 : 4);
  const bool upper = i == 0 || i == 1 || i == 4 || i == 5;
  // "column = (i & 4) + (laneid & 2) + (i & 1)"
  return {quadpair(lane), upper ? x : x + 2, (i & 4) + (lane & 2) + (i & 1)};
}

// m16n8k8 and m16n8k16 of 16 bits: "groupID = laneid >> 2, threadID_in_group = laneid % 4".
Position a_m16n8(int lane, int i) {
  const int row = lane / 4 + (i % 4 < 2 ? 0 : 8);
  const int column = lane % 4 * 2 + (i & 1) + (i >= 4 ? 8 : 0);
  return {0, row, column};
}
Position b_m16n8(int lane, int i) {
  return {0, lane % 4 * 2 + (i & 1) + (i >= 2 ? 8 : 0), lane / 4};
}
Position d_m16n8(int lane, int i) {
  return {0, lane / 4 + (i < 2 ? 0 : 8), lane % 4 * 2 + (i & 1)};
}

// m16n8k8 of tf32: "row = groupID for a0 and a2, groupID + 8 for a1 and a3;
// col = threadID_in_group for a0 and a1, threadID_in_group + 4 for a2 and a3".
Position a_tf32(int lane, int i) {
  return {0, lane / 4 + (i % 2 == 0 ? 0 : 8), lane % 4 + (i < 2 ? 0 : 4)};
}
Position b_tf32(int lane, int i) { return {0, lane % 4 + 4 * i, lane / 4}; }

// Two steps of k, one behind the other.
Position a_m8n8k4_twice(int lane, int i) { return {quadpair(lane), in_quadpair(lane), i}; }
Position b_m8n8k4_twice(int lane, int i) { return {quadpair(lane), i, in_quadpair(lane)}; }

const Layout kLayouts[] = {
    {"m8n8k4 f16", MmaKind::kF16M8N8K4, 70, 4, 8, 8, 4, 4, 4, 8, half_bits, 16, a_m8n8k4, b_m8n8k4,
     d_m8n8k4},
    {"m8n8k4 f16 twice", MmaKind::kF16M8N8K4Twice, 70, 4, 8, 8, 8, 8, 8, 8, half_bits, 16,
     a_m8n8k4_twice, b_m8n8k4_twice, d_m8n8k4},
    {"m16n8k8 f16", MmaKind::kF16M16N8K8, 75, 1, 16, 8, 8, 4, 2, 4, half_bits, 16, a_m16n8, b_m16n8,
     d_m16n8},
    // The registers of m16n8k16.
    {"m16n8k8 f16 twice", MmaKind::kF16M16N8K8Twice, 75, 1, 16, 8, 16, 8, 4, 4, half_bits, 16,
     a_m16n8, b_m16n8, d_m16n8},
    {"m16n8k8 bf16", MmaKind::kBf16M16N8K8, 80, 1, 16, 8, 8, 4, 2, 4, bfloat_bits, 16, a_m16n8,
     b_m16n8, d_m16n8},
    {"m16n8k16 f16", MmaKind::kF16M16N8K16, 80, 1, 16, 8, 16, 8, 4, 4, half_bits, 16, a_m16n8,
     b_m16n8, d_m16n8},
    {"m16n8k16 bf16", MmaKind::kBf16M16N8K16, 80, 1, 16, 8, 16, 8, 4, 4, bfloat_bits, 16, a_m16n8,
     b_m16n8, d_m16n8},
    {"m16n8k8 tf32", MmaKind::kTf32M16N8K8, 80, 1, 16, 8, 8, 4, 2, 4, float_bits, 32, a_tf32,
     b_tf32, d_m16n8},
};

// matrix[fragment][product][16][16], and the registers in which 32 lanes hold it.
struct Operand {
  int num_fragments;
  std::vector<float> matrix;

  Operand(int fragments, std::mt19937& random) : num_fragments(fragments) {
    std::uniform_int_distribution<int> values(-8, 8);
    matrix.resize(static_cast<std::size_t>(fragments) * 4 * 16 * 16);
    for (float& value : matrix) value = static_cast<float>(values(random));
  }
  float& at(int fragment, const Position& p) {
    return matrix[static_cast<std::size_t>(((fragment * 4 + p.product) * 16 + p.row) * 16 +
                                           p.column)];
  }
  std::vector<std::uint32_t> registers(int num_values, const Layout& layout,
                                       Position (*position)(int, int)) {
    const int in_register = 32 / layout.bits_each;
    std::vector<std::uint32_t> result;
    for (int lane = 0; lane < 32; ++lane) {
      for (int fragment = 0; fragment < num_fragments; ++fragment) {
        for (int i = 0; i < num_values; i += in_register) {
          std::uint32_t bits = 0;
          for (int j = 0; j < in_register; ++j) {
            const float value = at(fragment, position(lane, i + j));
            bits |= layout.bits(value) << (layout.bits_each * j);
          }
          result.push_back(bits);
        }
      }
    }
    return result;
  }
};

void test_mma(Device& device, const Layout& layout, int rows, int columns) {
  std::mt19937 random(7);
  Operand a(rows, random), b(columns, random), c(rows * columns, random);
  std::vector<float> d;
  for (int lane = 0; lane < 32; ++lane) {
    for (int fragment = 0; fragment < rows * columns; ++fragment) {
      for (int i = 0; i < layout.d_values; ++i) d.push_back(c.at(fragment, layout.d(lane, i)));
    }
  }
  const Array<std::uint32_t> device_a(device, a.registers(layout.a_values, layout, layout.a));
  const Array<std::uint32_t> device_b(device, b.registers(layout.b_values, layout, layout.b));
  const Array<float> device_d(device, d);
  const MmaArgs args{device_a.data(), device_b.data(), device_d.data()};
  check(rows * columns == 1 ? run_mma(layout.kind, args, device.stream())
                            : run_mma_tile(layout.kind, args, device.stream()));
  const std::vector<float> result = device_d.values();
  std::size_t place = 0;
  int num_wrong = 0;
  for (int lane = 0; lane < 32; ++lane) {
    for (int fragment = 0; fragment < rows * columns; ++fragment) {
      for (int i = 0; i < layout.d_values; ++i, ++place) {
        const Position p = layout.d(lane, i);
        float wanted = c.at(fragment, p);
        for (int k = 0; k < layout.k; ++k) {
          wanted += a.at(fragment / columns, {p.product, p.row, k}) *
                    b.at(fragment % columns, {p.product, k, p.column});
        }
        num_wrong += result[place] != wanted;
      }
    }
  }
  INFO(layout.name << ", tile of " << rows << "x" << columns);
  CHECK(num_wrong == 0);
}

}  // namespace

TEST_CASE("tensor-core products agree with plain loops", "[simt][device][mma]") {
  for (const Layout& layout : kLayouts) {
    for_each_device(layout.sm, [&](Device& device) {
      test_mma(device, layout, 1, 1);
      test_mma(device, layout, 2, 3);
    });
  }
}

TEST_CASE("tensor cores pass NaN and infinity on and keep subnormals", "[simt][device][mma]") {
  for_each_device(70, [](Device& device) {
    // Row 0 of A in quadpair 0 is lane 0's: 2^-24 (subnormal) and 1; B's column 0 as well.
    std::vector<std::uint32_t> a(64, 0), b(64, 0);
    std::vector<float> d(256, 0.0f);
    a[0] = 0x0001;      // A[0][0] = 2^-24
    b[0] = 0x0001;      // B[0][0] = 2^-24
    a[2 * 1] = 0x7c00;  // A[1][0] = infinity
    a[2 * 2] = 0x7e00;  // A[2][0] = NaN
    b[2 * 1] = 0x3c00;  // B[0][1] = 1
    const Array<std::uint32_t> device_a(device, a), device_b(device, b);
    const Array<float> device_d(device, d);
    check(run_mma(MmaKind::kF16M8N8K4, {device_a.data(), device_b.data(), device_d.data()},
                  device.stream()));
    const std::vector<float> result = device_d.values();
    const auto at = [&](int row, int column) {
      for (int lane : {0, 1, 2, 3, 16, 17, 18, 19}) {
        for (int i = 0; i < 8; ++i) {
          const Position p = d_m8n8k4(lane, i);
          if (p.row == row && p.column == column) return result[8 * lane + i];
        }
      }
      return -1.0f;
    };
    CHECK(at(0, 0) == 0x1p-48f);
    CHECK(at(0, 1) == 0x1p-24f);
    CHECK(at(1, 1) == std::numeric_limits<float>::infinity());
    CHECK(at(2, 1) != at(2, 1));
    CHECK(at(3, 3) == 0.0f);
  });
}

}  // namespace nestor::test
