#include "engine/backends/cpu/subnormals.h"

#include <immintrin.h>
#include <omp.h>

namespace nestor::cpu {

namespace {

// Of MXCSR: results that are subnormal are zero, operands that are subnormal count as zero.
constexpr unsigned kFlushToZero = 1U << 15, kDenormalsAreZero = 1U << 6;

// Calls work(i) in thread i of the team.
template <class Work>
void in_each_thread(int threads, const Work& work) {
  if (threads == 1) return work(0);
#pragma omp parallel num_threads(threads)
  work(static_cast<std::size_t>(omp_get_thread_num()));
}

}  // namespace

void FlushedSubnormals::begin() noexcept {
  in_each_thread(static_cast<int>(before_.size()), [&](std::size_t thread) {
    before_[thread] = _mm_getcsr();
    _mm_setcsr(before_[thread] | kFlushToZero | kDenormalsAreZero);
  });
  begun_ = true;
}

void FlushedSubnormals::end() noexcept {
  if (!begun_) return;
  in_each_thread(static_cast<int>(before_.size()),
                 [&](std::size_t thread) { _mm_setcsr(before_[thread]); });
  begun_ = false;
}

}  // namespace nestor::cpu
