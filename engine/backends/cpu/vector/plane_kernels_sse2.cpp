#define NESTOR_ISA sse2
#define NESTOR_BLOCK 8
#include "engine/backends/cpu/vector/plane_kernels.inl"
