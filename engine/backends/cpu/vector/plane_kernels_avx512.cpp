#define NESTOR_ISA avx512
#define NESTOR_BLOCK 16
#include "engine/backends/cpu/vector/plane_kernels.inl"
