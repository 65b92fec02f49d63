#define NESTOR_ISA avx2
#define NESTOR_BLOCK 8
#define NESTOR_MAX_TILES 6
#include "engine/backends/cpu/vector/winograd_kernels.inl"
