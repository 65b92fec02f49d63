// Products of tensor cores, from the tables "Matrix Fragments for mma" of the PTX ISA.
#pragma once

#include "tests/ptx/machine/operation.h"

namespace nestor::ptx {

// Rows of 32 lanes each; d may be c.
void mma(MmaShape shape, Type type, const u32* const* a, const u32* const* b, const u32* const* c,
         u32* const* d);
// The same by the ISA's tables, slowly.
void mma_by_tables(MmaShape shape, Type type, const u32* const* a, const u32* const* b,
                   const u32* const* c, u32* const* d);
// The same, 8 lanes at a time, with sums in fp32 in the order of k.
void mma_by_vectors(MmaShape shape, Type type, const u32* const* a, const u32* const* b,
                    const u32* const* c, u32* const* d);

}  // namespace nestor::ptx
