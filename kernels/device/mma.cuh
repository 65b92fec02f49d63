#pragma once
// Tensor-core products of one warp, and the loads that feed them.
//
// An instruction is a policy type: how many registers a lane holds of A, B and D, and how to
// multiply once. D += A * B, D in fp32; A is row-major, B column-major: what a lane holds of them
// is contiguous in k. l is the lane; a register holds two values of 16 bits, the lower k in the low
// bits, or one of tf32.
//
//   type              A                          B                        D
//   MmaF16M8N8K4      four products of 8x8x4, one per quadpair q = (l % 16) / 4 = lanes 4q..4q+3
//   (sm_70)           and 16+4q..16+4q+3, with t = l % 4 + 4 (l / 16):
//                     A[t][0..3]                 B[0..3][t]               v: row (l & 1) + (v & 2)
//                                                                            + 4 (l / 16),
//                                                                         column (v & 4) + (l & 2)
//                                                                            + (v & 1)
//   Mma...M16N8K8     r: row l/4 + 8 r,          B[2 (l%4) + 0..1][l/4]   v: row l/4 + 8 (v / 2),
//   16 bits (sm_75;   k 2 (l%4) + 0..1                                    column 2 (l%4) + v % 2
//   bf16: sm_80)
//   Mma...M16N8K16    r: row l/4 + 8 (r%2),      r: k 2 (l%4) + 8 r       as above
//   (sm_80)           k 2 (l%4) + 8 (r/2)        + 0..1, column l/4
//                     + 0..1
//   MmaTf32M16N8K8    r: row l/4 + 8 (r%2),      r: k l%4 + 4 r,          as above
//   (sm_80)           k l%4 + 4 (r/2)            column l/4
//
// m8n8k4 runs on every architecture, and is fast on sm_70 only.

#include "kernels/device/simt.cuh"

namespace nestor {

struct MmaF16M8N8K4 {
  static constexpr int kA = 2, kB = 2, kD = 8, kSteps = 1;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = simt::Mma::kF16M8N8K4;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
    asm volatile(
        "mma.sync.aligned.m8n8k4.row.col.f32.f16.f16.f32 {%0,%1,%2,%3,%4,%5,%6,%7}, {%8,%9}, "
        "{%10,%11}, {%0,%1,%2,%3,%4,%5,%6,%7};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]),
          "+f"(d[7])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]), "r"(b[1]));
  }
#endif
};

struct MmaF16M16N8K8 {
  static constexpr int kA = 2, kB = 1, kD = 4, kSteps = 1;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = simt::Mma::kF16M16N8K8;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
#if NESTOR_SM >= 75
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]));
#else
    __trap();
#endif
  }
#endif
};

struct MmaBf16M16N8K8 {
  static constexpr int kA = 2, kB = 1, kD = 4, kSteps = 1;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = simt::Mma::kBf16M16N8K8;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
#if NESTOR_SM >= 80
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5}, {%6}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(b[0]));
#else
    __trap();
#endif
  }
#endif
};

struct MmaF16M16N8K16 {
  static constexpr int kA = 4, kB = 2, kD = 4, kSteps = 1;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = simt::Mma::kF16M16N8K16;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
#if NESTOR_SM >= 80
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
        "{%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
  }
#endif
};

struct MmaBf16M16N8K16 {
  static constexpr int kA = 4, kB = 2, kD = 4, kSteps = 1;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = simt::Mma::kBf16M16N8K16;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
#if NESTOR_SM >= 80
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
  }
#endif
};

// Inputs are floats; the tensor core reads their upper 19 bits.
struct MmaTf32M16N8K8 {
  static constexpr int kA = 4, kB = 2, kD = 4, kSteps = 1;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = simt::Mma::kTf32M16N8K8;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
#if NESTOR_SM >= 80
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, "
        "{%8,%9}, {%0,%1,%2,%3};"
        : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
    __trap();
#endif
  }
#endif
};

// Two steps of k, one after the other: the registers of the first, then those of the second. On
// sm_70 a 16-byte load of 8 values of k feeds MmaTwice<MmaF16M8N8K4>; on sm_75
// MmaTwice<MmaF16M16N8K8> takes the registers of m16n8k16.
template <class Mma>
struct MmaTwice {
  static constexpr int kA = 2 * Mma::kA, kB = 2 * Mma::kB, kD = Mma::kD, kSteps = 2;
#if NESTOR_SIMT
  static constexpr simt::Mma kEmulated = Mma::kEmulated;
#else
  static __device__ __forceinline__ void multiply(float* d, const std::uint32_t* a,
                                                  const std::uint32_t* b) {
    Mma::multiply(d, a, b);
    Mma::multiply(d, a + Mma::kA, b + Mma::kB);
  }
#endif
};

// d[m][n] += a[m] * b[n] for a warp's tile of kM x kN instructions: one meeting of the lanes in the
// emulator, which makes it several times faster than one product at a time. Rows alternate
// direction (serpentine), which keeps operands in the register reuse cache.
template <class Mma, int kM, int kN>
__device__ __forceinline__ void warp_mma(float (&d)[kM][kN][Mma::kD],
                                         const std::uint32_t (&a)[kM][Mma::kA],
                                         const std::uint32_t (&b)[kN][Mma::kB],
                                         CallSite site = CallSite::here()) {
#if NESTOR_SIMT
  simt::warp_mma(Mma::kEmulated, Mma::kSteps, kM, kN, &d[0][0][0], &a[0][0], &b[0][0], site);
#else
#pragma unroll
  for (int n = 0; n < kN; ++n) {
#pragma unroll
    for (int i = 0; i < kM; ++i) {
      const int m = n % 2 == 0 ? i : kM - 1 - i;
      Mma::multiply(d[m][n], a[m], b[n]);
    }
  }
#endif
}

// One to four 8x8 matrices of 16-bit values from shared memory (sm_75 and newer). Lane i gives the
// address of row i % 8 of matrix i / 8, 16 bytes and aligned to that; lanes past the last matrix
// are not asked. Lane l receives, in register m, values 2 (l % 4) + 0..1 of row l / 4 of matrix m;
// with _trans, of column l / 4.
namespace ldmatrix_internal {

template <int kNum, bool kTranspose>
__device__ __forceinline__ void load(std::uint32_t (&r)[kNum], const void* row, CallSite site) {
#if NESTOR_SIMT
  simt::ldmatrix(r, kNum, kTranspose, row, site);
#elif NESTOR_SM >= 75
  const std::uint32_t address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  if constexpr (kNum == 1 && !kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(address)
                 : "memory");
  } else if constexpr (kNum == 1) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(r[0])
                 : "r"(address)
                 : "memory");
  } else if constexpr (kNum == 2 && !kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (kNum == 2) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
                 : "=r"(r[0]), "=r"(r[1])
                 : "r"(address)
                 : "memory");
  } else if constexpr (!kTranspose) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
#else
  __trap();
#endif
}

}  // namespace ldmatrix_internal

template <int kNum>
__device__ __forceinline__ void ldmatrix(std::uint32_t (&r)[kNum], const void* row,
                                         CallSite site = CallSite::here()) {
  static_assert(kNum == 1 || kNum == 2 || kNum == 4, "ldmatrix loads 1, 2 or 4 matrices");
  ldmatrix_internal::load<kNum, false>(r, row, site);
}

template <int kNum>
__device__ __forceinline__ void ldmatrix_trans(std::uint32_t (&r)[kNum], const void* row,
                                               CallSite site = CallSite::here()) {
  static_assert(kNum == 1 || kNum == 2 || kNum == 4, "ldmatrix loads 1, 2 or 4 matrices");
  ldmatrix_internal::load<kNum, true>(r, row, site);
}

}  // namespace nestor
