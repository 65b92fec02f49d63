#define NESTOR_ISA avx512
#define NESTOR_BLOCK 16
#include "engine/backends/cpu/vector/class_map_kernels.inl"
