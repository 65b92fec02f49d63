#pragma once
// The families of instructions that convolutions multiply by. Plain data.
//
// A family has a row here, a folder of its name with its kernels and tiles, its tiles in tiles.h and
// its launchers in gemm/families.h. Nothing else asks which one a tile is of.

#include <cstdint>

namespace nestor {

enum class MmaFamily : std::int32_t {
  kAmpere,  // m16n8k16, cp.async
  kTuring,  // m16n8k8, two stages and registers
  kVolta,   // m8n8k4, two stages and registers
  kFma,     // fp32 multiply-adds; float32 and float16 storage, any number of channels
};

struct MmaFamilyRow {
  MmaFamily family;
  const char* name;  // of its folder
  const char* variant;
  const char* fused_variant;
  int first_sm, last_sm;  // architectures that its kernels run on
  bool tensor_cores;      // float16 products, else float32 ones
  int slice;              // channels of K at a time
  int row_multiple;       // rows of a packed weight are padded to it
  int halo_patches;       // of a block: two if copies run beside the products
  int carveout_kb;        // of L1 and shared memory, of which blocks want their share; see below
};

inline constexpr int kAndNewer = 1 << 30;
inline constexpr int kWholeCarveout = 1;  // KB: any block wants all that there is
inline constexpr int kDriversCarveout = 0;

// The preferred first: an architecture takes the first family with tensor cores that runs on it.
inline constexpr MmaFamilyRow kMmaFamilies[] = {
    // clang-format off
    // family            name    variant             fused variant             sm             tensor slice rows patches carveout
    {MmaFamily::kAmpere, "sm80", "convolution_sm80", "fused_convolution_sm80", 80, kAndNewer, true,  32,   128, 2,      kWholeCarveout},
    {MmaFamily::kTuring, "sm75", "convolution_sm75", "fused_convolution_sm75", 75, 75,        true,  32,   128, 1,      64},
    {MmaFamily::kVolta,  "sm70", "convolution_sm70", "fused_convolution_sm70", 70, 70,        true,  32,   128, 1,      96},
    {MmaFamily::kFma,    "fma",  "convolution_fma",  "fused_convolution_fma",  70, kAndNewer, false, 16,   64,  0,      kDriversCarveout},
    // clang-format on
};
inline constexpr int kNumMmaFamilies =
    static_cast<int>(sizeof(kMmaFamilies) / sizeof(kMmaFamilies[0]));

constexpr const MmaFamilyRow& family_row(MmaFamily family) {
  int i = 0;
  while (kMmaFamilies[i].family != family) ++i;
  return kMmaFamilies[i];
}

constexpr bool family_runs_on(MmaFamily family, int sm) {
  const MmaFamilyRow& row = family_row(family);
  return sm >= row.first_sm && sm <= row.last_sm;
}

// The family with tensor cores that an architecture has the instructions of.
constexpr MmaFamily tensor_family(int sm) {
  int i = 0;
  while (!kMmaFamilies[i].tensor_cores || sm < kMmaFamilies[i].first_sm) ++i;
  return kMmaFamilies[i].family;
}

}  // namespace nestor
