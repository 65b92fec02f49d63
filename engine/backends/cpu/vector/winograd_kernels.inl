// Included by winograd_kernels_<isa>.cpp, each compiled for its instruction set, with
// NESTOR_MAX_TILES the rows of the largest product that registers hold.

#include <utility>

#include "engine/backends/cpu/vector/storage.inl"
#include "engine/backends/cpu/vector/winograd_kernels.h"

namespace nestor::cpu::NESTOR_ISA {

namespace {

// --- the one-dimensional transforms ---

// Points 0, 1, -1, infinity.
struct Tile2 {
  static constexpr int kTile = 2;
  static constexpr int kWindow = 4;
  static constexpr double kWeight[kWindow][3] = {
      {1, 0, 0}, {0.5, 0.5, 0.5}, {0.5, -0.5, 0.5}, {0, 0, 1}};

  static void src(const Vector d[kWindow], Vector t[kWindow]) {
    t[0] = d[0] - d[2];
    t[1] = d[2] + d[1];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
  }

  static void dst(const Vector m[kWindow], Vector y[kTile]) {
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) + m[3];
  }
};

// Points 0, p, -p, q, -q, infinity.
struct Tile4 {
  static constexpr int kTile = 4;
  static constexpr int kWindow = 6;
  static constexpr double kP = 0.625, kQ = 1.5;
  static constexpr double kPP = kP * kP, kQQ = kQ * kQ;
  static constexpr double kAt0 = 1 / (kPP * kQQ);
  static constexpr double kAtP = 1 / (2 * kPP * (kPP - kQQ));
  static constexpr double kAtQ = 1 / (2 * kQQ * (kQQ - kPP));
  static constexpr double kWeight[kWindow][3] = {{kAt0, 0, 0},
                                                 {kAtP, kAtP* kP, kAtP* kPP},
                                                 {kAtP, -kAtP* kP, kAtP* kPP},
                                                 {kAtQ, kAtQ* kQ, kAtQ* kQQ},
                                                 {kAtQ, -kAtQ* kQ, kAtQ* kQQ},
                                                 {0, 0, 1}};

  static void src(const Vector d[kWindow], Vector t[kWindow]) {
    constexpr auto kp = static_cast<float>(kP), kq = static_cast<float>(kQ);
    constexpr auto kpp = static_cast<float>(kPP), kqq = static_cast<float>(kQQ);
    constexpr auto kProduct = static_cast<float>(kPP * kQQ), kSum = static_cast<float>(kPP + kQQ);
    const Vector even_p = d[4] - kqq * d[2], odd_p = d[3] - kqq * d[1];
    const Vector even_q = d[4] - kpp * d[2], odd_q = d[3] - kpp * d[1];
    t[0] = (d[4] - kSum * d[2]) + kProduct * d[0];
    t[1] = even_p + kp * odd_p;
    t[2] = even_p - kp * odd_p;
    t[3] = even_q + kq * odd_q;
    t[4] = even_q - kq * odd_q;
    t[5] = (d[5] - kSum * d[3]) + kProduct * d[1];
  }

  static void dst(const Vector m[kWindow], Vector y[kTile]) {
    constexpr auto kp = static_cast<float>(kP), kq = static_cast<float>(kQ);
    constexpr auto kpp = static_cast<float>(kPP), kqq = static_cast<float>(kQQ);
    constexpr auto kppp = static_cast<float>(kPP * kP), kqqq = static_cast<float>(kQQ * kQ);
    const Vector sum_p = m[1] + m[2], difference_p = m[1] - m[2];
    const Vector sum_q = m[3] + m[4], difference_q = m[3] - m[4];
    y[0] = (m[0] + sum_p) + sum_q;
    y[1] = kp * difference_p + kq * difference_q;
    y[2] = kpp * sum_p + kqq * sum_q;
    y[3] = (m[5] + kppp * difference_p) + kqqq * difference_q;
  }
};

// --- one window, one tile ---
// Never inlined: a second copy might be compiled to other fused operations.

template <class Tile, class Storage>
[[gnu::noinline]] void transform_window(const char* window, std::int64_t row_bytes, float* v,
                                        std::int64_t stride) {
  constexpr int n = Tile::kWindow;
  Vector columns[n][n];  // [column][row] after the transform along the columns
#pragma GCC unroll 6
  for (int x = 0; x < n; ++x) {
    Vector d[n];
#pragma GCC unroll 6
    for (int y = 0; y < n; ++y) {
      d[y] = Storage::load(window + y * row_bytes + x * kBlock * Storage::kBytes);
    }
    Tile::src(d, columns[x]);
  }
#pragma GCC unroll 6
  for (int y = 0; y < n; ++y) {
    Vector d[n], t[n];
#pragma GCC unroll 6
    for (int x = 0; x < n; ++x) d[x] = columns[x][y];
    Tile::src(d, t);
#pragma GCC unroll 6
    for (int x = 0; x < n; ++x) set_vector(v + (y * n + x) * stride, 0, t[x]);
  }
}

template <class Tile, class Storage>
[[gnu::noinline]] void transform_tile(const float* m, std::int64_t stride, Vector bias,
                                      bool residual, bool relu, char* dst, std::int64_t row_bytes) {
  constexpr int n = Tile::kWindow, size = Tile::kTile;
  Vector columns[n][size];
#pragma GCC unroll 6
  for (int x = 0; x < n; ++x) {
    Vector d[n];
#pragma GCC unroll 6
    for (int y = 0; y < n; ++y) d[y] = vector_at(m + (y * n + x) * stride, 0);
    Tile::dst(d, columns[x]);
  }
#pragma GCC unroll 4
  for (int y = 0; y < size; ++y) {
    Vector d[n], result[size];
#pragma GCC unroll 6
    for (int x = 0; x < n; ++x) d[x] = columns[x][y];
    Tile::dst(d, result);
#pragma GCC unroll 4
    for (int x = 0; x < size; ++x) {
      char* const pixel = dst + y * row_bytes + x * kBlock * Storage::kBytes;
      Vector value = result[x] + bias;
      if (residual) value += Storage::load(pixel);
      if (relu) value = value < 0.0F ? Vector{} : value;
      Storage::store(pixel, value);
    }
  }
}

// --- all tiles of a task ---

// The part of a square of pixels that lies within a map; the square begins at (y, x).
struct Inside {
  std::int64_t y_begin, y_end, x_begin, x_end;  // relative to the square

  Inside(std::int64_t y, std::int64_t x, std::int64_t size, std::int64_t h, std::int64_t w)
      : y_begin(y < 0 ? -y : 0),
        y_end(y + size > h ? h - y : size),
        x_begin(x < 0 ? -x : 0),
        x_end(x + size > w ? w - x : size) {}

  bool whole(std::int64_t size) const {
    return y_begin == 0 && x_begin == 0 && y_end == size && x_end == size;
  }

  // Calls copy(pixel of the map relative to the square's origin, pixel of the square).
  template <class Copy>
  void each_row(std::int64_t map_row_bytes, std::int64_t square_row_bytes, std::int64_t pixel_bytes,
                const Copy& copy) const {
    if (x_end <= x_begin) return;
    const auto bytes = static_cast<std::size_t>((x_end - x_begin) * pixel_bytes);
    for (std::int64_t y = y_begin; y < y_end; ++y) {
      copy(y * map_row_bytes + x_begin * pixel_bytes, y * square_row_bytes + x_begin * pixel_bytes,
           bytes);
    }
  }
};

struct Position {
  std::int64_t image, row, col;

  Position(const WinogradMap& map, std::int64_t tile)
      : image(tile / (map.tile_rows * map.tile_cols)),
        row(tile / map.tile_cols % map.tile_rows),
        col(tile % map.tile_cols) {}
};

template <class Tile, class Storage>
void transform_src(const WinogradMap& map, const void* src, WinogradTiles tiles,
                   std::int64_t first_block, std::int64_t blocks, const WinogradMatrices& v) {
  constexpr std::int64_t pixel_bytes = kBlock * Storage::kBytes;
  constexpr std::int64_t edge_row_bytes = Tile::kWindow * pixel_bytes;
  const std::int64_t row_bytes = map.w * pixel_bytes, plane_bytes = map.h * row_bytes;
  alignas(64) char edge[Tile::kWindow * edge_row_bytes];
  for (std::int64_t i = 0; i < tiles.count; ++i) {
    const Position tile(map, tiles.first + i);
    const std::int64_t y = tile.row * Tile::kTile - map.pad, x = tile.col * Tile::kTile - map.pad;
    const Inside inside(y, x, Tile::kWindow, map.h, map.w);
    const std::int64_t origin =
        (tile.image * map.src_blocks + first_block) * plane_bytes + y * row_bytes + x * pixel_bytes;
    float* const row = v.data + i * v.row_floats;
    if (inside.whole(Tile::kWindow)) {
      for (std::int64_t b = 0; b < blocks; ++b) {
        transform_window<Tile, Storage>(static_cast<const char*>(src) + (origin + b * plane_bytes),
                                        row_bytes, row + b * kBlock, v.stride);
      }
      continue;
    }
    std::memset(edge, 0, sizeof edge);
    for (std::int64_t b = 0; b < blocks; ++b) {
      inside.each_row(
          row_bytes, edge_row_bytes, pixel_bytes,
          [&](std::int64_t from, std::int64_t to, std::size_t bytes) {
            std::memcpy(edge + to,
                        static_cast<const char*>(src) + (origin + b * plane_bytes + from), bytes);
          });
      transform_window<Tile, Storage>(edge, edge_row_bytes, row + b * kBlock, v.stride);
    }
  }
}

template <class Tile, class Storage>
void transform_dst(const WinogradMap& map, const WinogradMatrices& m, WinogradTiles tiles,
                   std::int64_t first_block, int vectors, const WinogradEpilogue& epilogue,
                   void* dst) {
  constexpr std::int64_t pixel_bytes = kBlock * Storage::kBytes;
  constexpr std::int64_t edge_row_bytes = Tile::kTile * pixel_bytes;
  const std::int64_t row_bytes = map.out_w * pixel_bytes, plane_bytes = map.out_h * row_bytes;
  alignas(64) char edge[Tile::kTile * edge_row_bytes] = {};
  for (int b = 0; b < vectors; ++b) {
    const Vector bias = epilogue.bias != nullptr ? vector_at(epilogue.bias, b) : Vector{};
    for (std::int64_t i = 0; i < tiles.count; ++i) {
      const Position tile(map, tiles.first + i);
      const std::int64_t y = tile.row * Tile::kTile, x = tile.col * Tile::kTile;
      const Inside inside(y, x, Tile::kTile, map.out_h, map.out_w);
      char* const to = static_cast<char*>(dst) +
                       (tile.image * map.dst_blocks + first_block + b) * plane_bytes +
                       y * row_bytes + x * pixel_bytes;
      const float* const from = m.data + i * m.row_floats + b * kBlock;
      if (inside.whole(Tile::kTile)) {
        transform_tile<Tile, Storage>(from, m.stride, bias, epilogue.residual, epilogue.relu, to,
                                      row_bytes);
        continue;
      }
      const auto load = [&](std::int64_t map_at, std::int64_t at, std::size_t bytes) {
        std::memcpy(edge + at, to + map_at, bytes);
      };
      const auto store = [&](std::int64_t map_at, std::int64_t at, std::size_t bytes) {
        std::memcpy(to + map_at, edge + at, bytes);
      };
      if (epilogue.residual) inside.each_row(row_bytes, edge_row_bytes, pixel_bytes, load);
      transform_tile<Tile, Storage>(from, m.stride, bias, epilogue.residual, epilogue.relu, edge,
                                    edge_row_bytes);
      inside.each_row(row_bytes, edge_row_bytes, pixel_bytes, store);
    }
  }
}

// --- the matrix products ---

// Where weights of the next position lie: one vector of each is fetched a channel.
struct Ahead {
  const float *first, *second;
};

// kTiles x kVectors sums stay in registers over all channels; every sum is one chain of
// multiply-adds in the order of the channels, whatever kTiles is.
template <int kTiles, int kVectors>
void multiply_rows(const float* v, std::int64_t row_floats, const float* u, std::int64_t channels,
                   const Ahead& ahead, float* m) {
  Vector sums[kTiles][kVectors] = {};
  for (std::int64_t c = 0; c < channels; ++c) {
    Vector weights[kVectors];
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) weights[j] = vector_at(u, c * kVectors + j);
    __builtin_prefetch(ahead.first + c * kBlock, 0, 2);
    __builtin_prefetch(ahead.second + c * kBlock, 0, 2);
#pragma GCC unroll 16
    for (int i = 0; i < kTiles; ++i) {
      const Vector value = v[i * row_floats + c] - Vector{};
#pragma GCC unroll 4
      for (int j = 0; j < kVectors; ++j) sums[i][j] += value * weights[j];
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < kTiles; ++i) {
#pragma GCC unroll 4
    for (int j = 0; j < kVectors; ++j) set_vector(m, i * kVectors + j, sums[i][j]);
  }
}

using MultiplyRows = void (*)(const float* v, std::int64_t row_floats, const float* u,
                              std::int64_t channels, const Ahead& ahead, float* m);

constexpr int kMaxTiles = NESTOR_MAX_TILES;

template <int kVectors, int... kIdx>
MultiplyRows rows_function(int tiles, std::integer_sequence<int, kIdx...>) {
  static constexpr MultiplyRows kTable[] = {multiply_rows<kIdx + 1, kVectors>...};
  return kTable[tiles - 1];
}

MultiplyRows rows_function(int tiles, int vectors) {
  constexpr std::make_integer_sequence<int, kMaxTiles> kAll{};
  return vectors == 1 ? rows_function<1>(tiles, kAll) : rows_function<2>(tiles, kAll);
}

template <class Tile>
void multiply(const WinogradMatrices& v, const float* u, std::int64_t tiles, std::int64_t channels,
              int vectors, const WinogradMatrices& m) {
  // Equal parts, as a part of few rows would wait for its multiply-adds.
  const std::int64_t parts = (tiles + kMaxTiles - 1) / kMaxTiles;
  const std::int64_t panel = channels * vectors * kBlock;
  for (int position = 0; position < Tile::kWindow * Tile::kWindow; ++position) {
    std::int64_t begin = 0;
    for (std::int64_t part = 0; part < parts; ++part) {
      const std::int64_t end = (part + 1) * tiles / parts;
      const float* const next = u + (panel + part * panel / parts);
      const Ahead ahead{next, parts == 1 ? next + panel / 2 : next};
      rows_function(static_cast<int>(end - begin), vectors)(
          v.data + position * v.stride + begin * v.row_floats, v.row_floats, u, channels, ahead,
          m.data + position * m.stride + begin * m.row_floats);
      begin = end;
    }
    u += panel;
  }
}

// In double precision: the transformed weights are rounded once.
template <class Tile>
void pack_weights(const float* weight, std::int64_t channels, int vectors, float* u) {
  constexpr int n = Tile::kWindow;
  using Doubles = double __attribute__((vector_size(kBlock * 8)));
  for (int b = 0; b < vectors; ++b) {
    for (std::int64_t c = 0; c < channels; ++c) {
      Doubles g[3][3];
      for (int lane = 0; lane < kBlock; ++lane) {
        const float* const filter = weight + ((b * kBlock + lane) * channels + c) * 9;
        for (int tap = 0; tap < 9; ++tap) g[tap / 3][tap % 3][lane] = double{filter[tap]};
      }
      Doubles rows[n][3];
      for (int y = 0; y < n; ++y) {
        for (int s = 0; s < 3; ++s) {
          rows[y][s] = Tile::kWeight[y][0] * g[0][s] + Tile::kWeight[y][1] * g[1][s] +
                       Tile::kWeight[y][2] * g[2][s];
        }
      }
      for (int y = 0; y < n; ++y) {
        for (int x = 0; x < n; ++x) {
          const Doubles value = Tile::kWeight[x][0] * rows[y][0] +
                                Tile::kWeight[x][1] * rows[y][1] + Tile::kWeight[x][2] * rows[y][2];
          set_vector(u, ((y * n + x) * channels + c) * vectors + b,
                     __builtin_convertvector(value, Vector));
        }
      }
    }
  }
}

template <class Tile, class Storage>
constexpr WinogradKernels kWinograd = {kBlock,
                                       Tile::kTile,
                                       transform_src<Tile, Storage>,
                                       multiply<Tile>,
                                       transform_dst<Tile, Storage>,
                                       pack_weights<Tile>};

}  // namespace

const WinogradKernels& winograd_kernels(DType storage, int tile) {
  if (storage == DType::kBFloat16) {
    return tile == 2 ? kWinograd<Tile2, BFloat16> : kWinograd<Tile4, BFloat16>;
  }
  return tile == 2 ? kWinograd<Tile2, Float32> : kWinograd<Tile4, Float32>;
}

}  // namespace nestor::cpu::NESTOR_ISA
