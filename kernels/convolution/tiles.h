#pragma once
// The tiles of all families: what kernels are compiled for and whoever chooses chooses from. Plain
// data. A tile is known by its place in kConvolutionTiles within one build, by its name elsewhere.

#include <cstddef>
#include <string_view>

#include "kernels/convolution/fma/tiles.h"
#include "kernels/convolution/sm70/tiles.h"
#include "kernels/convolution/sm75/tiles.h"
#include "kernels/convolution/sm80/tiles.h"

namespace nestor {

template <class Row, std::size_t kCount>
struct TileTable {
  Row rows[kCount];
};

template <class Row, std::size_t... kCounts>
constexpr TileTable<Row, (kCounts + ...)> joined(const Row (&... lists)[kCounts]) {
  TileTable<Row, (kCounts + ...)> all{};
  std::size_t end = 0;
  const auto append = [&](const auto& list) {
    for (const Row& row : list) all.rows[end++] = row;
  };
  (append(lists), ...);
  return all;
}

inline constexpr auto kConvolutionTileTable = joined(kSm70Tiles, kSm75Tiles, kSm80Tiles, kFmaTiles);
inline constexpr auto& kConvolutionTiles = kConvolutionTileTable.rows;
inline constexpr int kNumConvolutionTiles =
    static_cast<int>(sizeof(kConvolutionTiles) / sizeof(kConvolutionTiles[0]));

// -1 if there is none. "sm70_128x256" is convolution_sm70_128x256.
constexpr int tile_index(std::string_view name) {
  constexpr std::string_view kPrefix = "convolution_";
  for (int i = 0; i < kNumConvolutionTiles; ++i) {
    if (std::string_view(kConvolutionTiles[i].name).substr(kPrefix.size()) == name) return i;
  }
  return -1;
}

struct FusedConvolutionTile {
  const char* name;
  int tile;                     // of kConvolutionTiles
  SourceKind source, shortcut;  // kNone: no shortcut
};

template <std::size_t kCount>
constexpr TileTable<FusedConvolutionTile, kCount> indexed(
    const TileTable<FusedTileRow, kCount>& named) {
  TileTable<FusedConvolutionTile, kCount> all{};
  for (std::size_t i = 0; i < kCount; ++i) {
    const FusedTileRow& row = named.rows[i];
    all.rows[i] = {row.name, tile_index(row.tile), row.source, row.shortcut};
  }
  return all;
}

inline constexpr auto kFusedConvolutionTileTable =
    indexed(joined(kSm70FusedTiles, kSm75FusedTiles, kSm80FusedTiles, kFmaFusedTiles));
inline constexpr auto& kFusedConvolutionTiles = kFusedConvolutionTileTable.rows;
inline constexpr int kNumFusedConvolutionTiles =
    static_cast<int>(sizeof(kFusedConvolutionTiles) / sizeof(kFusedConvolutionTiles[0]));

// FNV-1a over the names of the tiles that run on an architecture and what they mean: measurements of
// other tiles are stale. Tiles of other architectures do not count.
constexpr std::uint64_t tiles_digest(const ConvolutionTile* tiles, int count, int sm) {
  std::uint64_t digest = 0xCBF29CE484222325u;
  const auto add = [&](std::uint64_t value) { digest = (digest ^ value) * 0x100000001B3u; };
  for (int i = 0; i < count; ++i) {
    const ConvolutionTile& tile = tiles[i];
    if (!family_runs_on(tile.family, sm)) continue;
    for (const char* c = tile.name; *c != '\0'; ++c) add(static_cast<unsigned char>(*c));
    add(static_cast<std::uint64_t>(tile.num_threads()));
    add(static_cast<std::uint64_t>(tile.memory_bytes()));
    add(static_cast<std::uint64_t>(tile.blocks));
  }
  return digest;
}
constexpr std::uint64_t convolution_tiles_digest(int sm) {
  return tiles_digest(kConvolutionTiles, kNumConvolutionTiles, sm);
}

}  // namespace nestor
