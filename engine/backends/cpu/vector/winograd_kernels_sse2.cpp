#define NESTOR_ISA sse2
#define NESTOR_BLOCK 8
#define NESTOR_MAX_TILES 2
#include "engine/backends/cpu/vector/winograd_kernels.inl"
