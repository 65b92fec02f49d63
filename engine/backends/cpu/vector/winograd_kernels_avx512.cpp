#define NESTOR_ISA avx512
#define NESTOR_BLOCK 16
#define NESTOR_MAX_TILES 14
#include "engine/backends/cpu/vector/winograd_kernels.inl"
