// Tensor-core instructions and ldmatrix. Layouts of fragments: kernels/device/mma.cuh.
//
// Sums run over k in ascending order, in fp32, each product exact. The hardware adds in groups and
// truncates, so results agree within a few units in the last place, and exactly where sums are
// exact.
#include <cstring>

#include "emulator/device_api.h"
#include "emulator/half.h"
#include "emulator/worker.h"

// Vectors do not cross the border of this file.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace nestor::simt {
namespace {

constexpr int kMaxTile = 16;  // instructions along a side of a warp's tile

typedef float Floats8 __attribute__((vector_size(32)));
typedef std::int32_t Ints8 __attribute__((vector_size(32)));

struct Argument {
  Mma mma;
  int steps, rows, columns;
  float* d;
  const std::uint32_t* a;
  const std::uint32_t* b;
};

const Argument& of_lane(void* const* arguments, int lane) {
  return *static_cast<const Argument*>(arguments[lane]);
}

struct Shape {
  const char* name;
  int sm;
  int k;
  int a, b, d;  // registers of a lane
};

constexpr Shape shape_of(Mma mma) {
  switch (mma) {
    case Mma::kF16M8N8K4: return {"mma.m8n8k4.f16", 70, 4, 2, 2, 8};
    case Mma::kF16M16N8K8: return {"mma.m16n8k8.f16", 75, 8, 2, 1, 4};
    case Mma::kBf16M16N8K8: return {"mma.m16n8k8.bf16", 80, 8, 2, 1, 4};
    case Mma::kF16M16N8K16: return {"mma.m16n8k16.f16", 80, 16, 4, 2, 4};
    case Mma::kBf16M16N8K16: return {"mma.m16n8k16.bf16", 80, 16, 4, 2, 4};
    case Mma::kTf32M16N8K8: return {"mma.m16n8k8.tf32", 80, 8, 4, 2, 4};
  }
  return {};
}

// float_from_half on eight values at a time.
[[gnu::always_inline]] inline void convert_halves(const std::uint32_t* halves, float* floats) {
  for (int i = 0; i < 8; ++i) floats[i] = float_from_half(halves[i]);
}

// --- m8n8k4
// ----------------------------------------------------------------------------------------- Each
// lane of a quadpair has two rows and four columns of the 8x8 products: value v is in row (l & 1) +
// (v & 2) + 4 (l / 16) and column (v & 4) + (l & 2) + (v & 1). So with A's column k and B's row k
// as vectors of eight, a lane's eight values are one product of two permutations.
[[gnu::always_inline]] inline void multiply_quadpairs(void* const* arguments) {
  const Argument& tile = of_lane(arguments, 0);
  const int depth = 4 * tile.steps;  // of a fragment: 4 or 8
  alignas(32) static thread_local Floats8 a_rows[kMaxTile][8][4];
  alignas(32) static thread_local Floats8 b_columns[kMaxTile][8][2];
  for (int quadpair = 0; quadpair < 4; ++quadpair) {
    int lanes[8];
    for (int t = 0; t < 8; ++t) lanes[t] = 4 * quadpair + t % 4 + 16 * (t / 4);

    const auto spread = [&](int fragment, bool is_a, auto&& use) {
      std::uint32_t halves[8][8];  // [k][t]
      for (int t = 0; t < 8; ++t) {
        const Argument& lane = of_lane(arguments, lanes[t]);
        const std::uint32_t* registers = (is_a ? lane.a : lane.b) + fragment * depth / 2;
        for (int pair = 0; pair < depth / 2; ++pair) {
          halves[2 * pair][t] = registers[pair] & 0xffff;
          halves[2 * pair + 1][t] = registers[pair] >> 16;
        }
      }
      for (int k = 0; k < depth; ++k) {
        Floats8 values;
        alignas(32) float floats[8];
        convert_halves(halves[k], floats);
        std::memcpy(&values, floats, sizeof values);
        use(k, values);
      }
    };
    for (int m = 0; m < tile.rows; ++m) {
      spread(m, true, [&](int k, const Floats8& rows) {
        a_rows[m][k][0] = __builtin_shuffle(rows, Ints8{0, 0, 2, 2, 0, 0, 2, 2});
        a_rows[m][k][1] = __builtin_shuffle(rows, Ints8{1, 1, 3, 3, 1, 1, 3, 3});
        a_rows[m][k][2] = __builtin_shuffle(rows, Ints8{4, 4, 6, 6, 4, 4, 6, 6});
        a_rows[m][k][3] = __builtin_shuffle(rows, Ints8{5, 5, 7, 7, 5, 5, 7, 7});
      });
    }
    for (int n = 0; n < tile.columns; ++n) {
      spread(n, false, [&](int k, const Floats8& columns) {
        b_columns[n][k][0] = __builtin_shuffle(columns, Ints8{0, 1, 0, 1, 4, 5, 4, 5});
        b_columns[n][k][1] = __builtin_shuffle(columns, Ints8{2, 3, 2, 3, 6, 7, 6, 7});
      });
    }
    for (int t = 0; t < 8; ++t) {
      const int lane = lanes[t];
      const int row = (lane & 1) + 2 * (lane / 16), column = lane >> 1 & 1;
      float* values = of_lane(arguments, lane).d;
      for (int m = 0; m < tile.rows; ++m) {
        for (int n = 0; n < tile.columns; ++n, values += 8) {
          Floats8 sum;
          std::memcpy(&sum, values, sizeof sum);
          for (int k = 0; k < depth; ++k) sum += a_rows[m][k][row] * b_columns[n][k][column];
          std::memcpy(values, &sum, sizeof sum);
        }
      }
    }
  }
}

// --- m16n8k8 and m16n8k16
// ---------------------------------------------------------------------------
enum class Input { kHalf, kBfloat, kTf32 };

template <Input kInput>
inline float value_of(std::uint32_t bits) {
  if constexpr (kInput == Input::kHalf) return float_from_half(bits);
  if constexpr (kInput == Input::kBfloat) return float_from_bfloat(bits);
  return float_of(bits & 0xffffe000u);
}

// Calls use(row or column, k, value) for each input of a fragment of A or B in one step.
template <Input kInput, class Use>
[[gnu::always_inline]] inline void for_each_value(int num_registers, bool is_a, int lane,
                                                  const std::uint32_t* registers, Use&& use) {
  for (int r = 0; r < num_registers; ++r) {
    const int group = is_a ? r / 2 : r;
    const int line = lane / 4 + (is_a ? 8 * (r % 2) : 0);
    if constexpr (kInput == Input::kTf32) {
      use(line, lane % 4 + 4 * group, value_of<kInput>(registers[r]));
    } else {
      use(line, 2 * (lane % 4) + 8 * group, value_of<kInput>(registers[r] & 0xffff));
      use(line, 2 * (lane % 4) + 8 * group + 1, value_of<kInput>(registers[r] >> 16));
    }
  }
}

template <Input kInput>
[[gnu::always_inline]] inline void multiply_rows(void* const* arguments, const Shape& shape) {
  const Argument& tile = of_lane(arguments, 0);
  alignas(32) static thread_local float a[kMaxTile][16][16];
  alignas(32) static thread_local Floats8 b[kMaxTile][16];
  for (int step = 0; step < tile.steps; ++step) {
    for (int lane = 0; lane < 32; ++lane) {
      const Argument& mine = of_lane(arguments, lane);
      for (int m = 0; m < tile.rows; ++m) {
        for_each_value<kInput>(shape.a, true, lane, mine.a + (m * tile.steps + step) * shape.a,
                               [&](int row, int k, float value) { a[m][row][k] = value; });
      }
      for (int n = 0; n < tile.columns; ++n) {
        for_each_value<kInput>(shape.b, false, lane, mine.b + (n * tile.steps + step) * shape.b,
                               [&](int column, int k, float value) { b[n][k][column] = value; });
      }
    }
    for (int m = 0; m < tile.rows; ++m) {
      for (int n = 0; n < tile.columns; ++n) {
        alignas(32) float d[16][8];
        const int place = (m * tile.columns + n) * 4;
        for (int lane = 0; lane < 32; ++lane) {
          const float* values = of_lane(arguments, lane).d + place;
          std::memcpy(&d[lane / 4][2 * (lane % 4)], values, 8);
          std::memcpy(&d[lane / 4 + 8][2 * (lane % 4)], values + 2, 8);
        }
        for (int row = 0; row < 16; ++row) {
          Floats8 sum;
          std::memcpy(&sum, d[row], sizeof sum);
          for (int k = 0; k < shape.k; ++k) sum += a[m][row][k] * b[n][k];
          std::memcpy(d[row], &sum, sizeof sum);
        }
        for (int lane = 0; lane < 32; ++lane) {
          float* values = of_lane(arguments, lane).d + place;
          std::memcpy(values, &d[lane / 4][2 * (lane % 4)], 8);
          std::memcpy(values + 2, &d[lane / 4 + 8][2 * (lane % 4)], 8);
        }
      }
    }
  }
}

[[gnu::always_inline]] inline void multiply(void* const* arguments) {
  const Mma mma = of_lane(arguments, 0).mma;
  const Shape shape = shape_of(mma);
  switch (mma) {
    case Mma::kF16M8N8K4: return multiply_quadpairs(arguments);
    case Mma::kF16M16N8K8:
    case Mma::kF16M16N8K16: return multiply_rows<Input::kHalf>(arguments, shape);
    case Mma::kBf16M16N8K8:
    case Mma::kBf16M16N8K16: return multiply_rows<Input::kBfloat>(arguments, shape);
    case Mma::kTf32M16N8K8: return multiply_rows<Input::kTf32>(arguments, shape);
  }
}

[[gnu::target("avx2")]] void multiply_avx2(void* const* arguments) { multiply(arguments); }
void multiply_anywhere(void* const* arguments) { multiply(arguments); }

void execute(void* const* arguments, const CallSite& site) {
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  const Argument& first = of_lane(arguments, 0);
  const Shape shape = shape_of(first.mma);
  Worker& worker = *current_worker;
  worker.require_sm(shape.sm, shape.name, site);
  if (first.rows > kMaxTile || first.columns > kMaxTile || first.steps > 2) {
    worker.fail("the tile is larger than the emulator takes", shape.name, site);
  }
  worker.count_mma(first.rows * first.columns * first.steps);
  has_avx2 ? multiply_avx2(arguments) : multiply_anywhere(arguments);
}

}  // namespace

void warp_mma(Mma mma, int steps, int rows, int columns, float* d, const std::uint32_t* a,
              const std::uint32_t* b, const CallSite& site) {
  Argument argument{mma, steps, rows, columns, d, a, b};
  warp_meet(shape_of(mma).name, execute, &argument, site);
}

// --- ldmatrix
// ---------------------------------------------------------------------------------------
namespace {

struct MatrixArgument {
  std::uint32_t* registers;
  int num_matrices;
  bool transpose;
  const unsigned char* row;
};

void load_matrices(void* const* arguments, const CallSite&) {
  const auto lane_argument = [&](int lane) -> const MatrixArgument& {
    return *static_cast<const MatrixArgument*>(arguments[lane]);
  };
  const MatrixArgument& first = lane_argument(0);
  for (int m = 0; m < first.num_matrices; ++m) {
    std::uint16_t matrix[8][8];
    for (int row = 0; row < 8; ++row) {
      std::memcpy(matrix[row], lane_argument(8 * m + row).row, sizeof matrix[row]);
    }
    for (int lane = 0; lane < 32; ++lane) {
      const int row = lane / 4, column = 2 * (lane % 4);
      const std::uint32_t low = first.transpose ? matrix[column][row] : matrix[row][column];
      const std::uint32_t high =
          first.transpose ? matrix[column + 1][row] : matrix[row][column + 1];
      lane_argument(lane).registers[m] = low | high << 16;
    }
  }
  Worker& worker = *current_worker;
  if (worker.counts_accesses()) {
    std::array<std::uint64_t, 32> addresses{};
    for (int lane = 0; lane < 8 * first.num_matrices; ++lane) {
      addresses[lane] = reinterpret_cast<std::uintptr_t>(lane_argument(lane).row);
    }
    const int num_lanes = 8 * first.num_matrices;
    worker.count_shared(addresses, num_lanes == 32 ? ~0u : (1u << num_lanes) - 1, 16);
  }
}

}  // namespace

void ldmatrix(std::uint32_t* registers, int num_matrices, bool transpose, const void* row,
              const CallSite& site) {
  constexpr const char* kName = "ldmatrix";
  current_worker->require_sm(75, kName, site);
  if (current_lane() < 8 * num_matrices) current_worker->read_matrix_row(row, kName, site);
  MatrixArgument argument{registers, num_matrices, transpose,
                          static_cast<const unsigned char*>(row)};
  warp_meet(kName, load_matrices, &argument, site);
}

}  // namespace nestor::simt
