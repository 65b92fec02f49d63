#pragma once
// The launchers of each MMA family, in its folder. Internal to kernels/convolution. Plain C++.

#include "kernels/convolution/gemm/fused_args.h"
#include "kernels/device/launch.h"

namespace nestor {

// `tile`: of kConvolutionTiles. `dtype`: of src and dst, float16 with tensor cores.
using GemmLauncher = DeviceStatus (*)(const ImplicitGemmArgs& args, DeviceDType dtype, int tile,
                                      GridSize grid, Stream stream);
using FusedGemmLauncher = DeviceStatus (*)(const FusedGemmArgs& args,
                                           const FusedConvolutionTile& row, GridSize grid,
                                           Stream stream);

DeviceStatus convolution_sm70(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize, Stream);
DeviceStatus convolution_sm75(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize, Stream);
DeviceStatus convolution_sm80(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize, Stream);
DeviceStatus convolution_fma(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize, Stream);
DeviceStatus convolution_halo_sm70(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize,
                                   Stream);
DeviceStatus convolution_halo_sm75(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize,
                                   Stream);
DeviceStatus convolution_halo_sm80(const ImplicitGemmArgs&, DeviceDType, int tile, GridSize,
                                   Stream);
DeviceStatus fused_convolution_sm70(const FusedGemmArgs&, const FusedConvolutionTile&, GridSize,
                                    Stream);
DeviceStatus fused_convolution_sm75(const FusedGemmArgs&, const FusedConvolutionTile&, GridSize,
                                    Stream);
DeviceStatus fused_convolution_sm80(const FusedGemmArgs&, const FusedConvolutionTile&, GridSize,
                                    Stream);
DeviceStatus fused_convolution_fma(const FusedGemmArgs&, const FusedConvolutionTile&, GridSize,
                                   Stream);

struct FamilyLaunchers {
  MmaFamily family;
  GemmLauncher plain;
  GemmLauncher halo;  // null: the family has no halo tiles
  FusedGemmLauncher fused;
};
inline constexpr FamilyLaunchers kFamilyLaunchers[] = {
    {MmaFamily::kVolta, convolution_sm70, convolution_halo_sm70, fused_convolution_sm70},
    {MmaFamily::kTuring, convolution_sm75, convolution_halo_sm75, fused_convolution_sm75},
    {MmaFamily::kAmpere, convolution_sm80, convolution_halo_sm80, fused_convolution_sm80},
    {MmaFamily::kFma, convolution_fma, nullptr, fused_convolution_fma},
};
constexpr const FamilyLaunchers& launchers_of(MmaFamily family) {
  int i = 0;
  while (kFamilyLaunchers[i].family != family) ++i;
  return kFamilyLaunchers[i];
}

inline GridSize grid_size(const ConvolutionGrid& blocks) {
  return {static_cast<unsigned>(blocks.tiles_n), static_cast<unsigned>(blocks.tiles_m),
          static_cast<unsigned>(blocks.splits)};
}

inline DeviceStatus refused(const char* why) { return {DeviceCode::kInvalidArgument, why}; }

}  // namespace nestor
