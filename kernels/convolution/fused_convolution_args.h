#pragma once
// What fused_convolution() gives to the kernels. Internal to this folder. Plain C++.

#include "kernels/convolution/convolution_args.h"
#include "kernels/convolution/fused_convolution.h"

namespace nestor {

// The geometry of a source says which pixels exist (r, s, stride, pad, h, w) and where its parts
// lie: num_taps is 1, and tap_delta has an entry for each part, taps outside, radix parts inside.
struct FusedGemmArgs {
  ImplicitGemmArgs first;   // with all that the epilogue needs
  ImplicitGemmArgs second;  // num_slices is 0 where there is no shortcut
  const float* gates;       // [n][kFusedRadix][first.group_channels]
  float gate_scale;         // 1/9 with AVD
  int gate_part_pitch, gate_image_pitch;
};

// The launchers of each engine.
DeviceStatus fused_convolution_sm70(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                    GridSize grid, Stream stream);
DeviceStatus fused_convolution_sm75(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                    GridSize grid, Stream stream);
DeviceStatus fused_convolution_sm80(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                    GridSize grid, Stream stream);
DeviceStatus fused_convolution_fma(const FusedGemmArgs& args, const FusedConvolutionTile& row,
                                   GridSize grid, Stream stream);

template <int kRow>
struct FusedTileIndex {
  static constexpr const char* kName = kFusedConvolutionTiles[kRow].name;
  static constexpr int kTile = kFusedConvolutionTiles[kRow].tile;
  static constexpr SourceKind kSource = kFusedConvolutionTiles[kRow].source;
  static constexpr SourceKind kShortcut = kFusedConvolutionTiles[kRow].shortcut;
};

// run(FusedTileIndex<row>()), compiled for the rows of an engine.
template <ConvolutionEngine kEngine, int kRow = 0, class Run>
DeviceStatus with_fused_tile(const FusedConvolutionTile& row, const Run& run) {
  if constexpr (kRow == kNumFusedConvolutionTiles) {
    return {DeviceCode::kInvalidArgument, "fused_convolution: not a tile of this engine"};
  } else {
    using Row = FusedTileIndex<kRow>;
    if constexpr (kConvolutionTiles[Row::kTile].engine == kEngine) {
      if (row.tile == Row::kTile && row.source == Row::kSource && row.shortcut == Row::kShortcut) {
        return run(Row());
      }
    }
    return with_fused_tile<kEngine, kRow + 1>(row, run);
  }
}

}  // namespace nestor
