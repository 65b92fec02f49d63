#pragma once
// What the machine can do at best, to judge times by.

namespace nestor {

// 10^9 float32 operations a second of that many threads: chains of fused multiply-adds in
// registers, with the widest vectors that the CPU has.
double peak_gflops(int threads);

// 10^9 bytes a second that they read from memory, from an array much larger than the caches.
double read_gbytes(int threads);

// Reads an array larger than the caches, so that the next reads of anything else miss.
void flush_caches();

}  // namespace nestor
