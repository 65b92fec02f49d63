#define NESTOR_ISA avx2
#define NESTOR_BLOCK 8
#include "engine/backends/cpu/vector/plane_kernels.inl"
