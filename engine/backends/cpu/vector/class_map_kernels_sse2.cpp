#define NESTOR_ISA sse2
#define NESTOR_BLOCK 8
#include "engine/backends/cpu/vector/class_map_kernels.inl"
