#pragma once
// Whether a block has anything to do: what rows are not in use is left as it is.

#include "kernels/device/counted_rows.h"
#include "kernels/device/storage.cuh"

namespace nestor {

// Whether one of the rows `first` to `last` is in use, if each is `pixels` rows. The same on all
// threads that ask the same.
__device__ __forceinline__ bool any_in_use(const CountedRows& rows, int first, int last,
                                           int pixels = 1) {
  bool any = rows.count == nullptr;
  if (!any) {
    const int per_image = rows.per_image * pixels;
#pragma unroll 1
    for (int image = first / per_image; image * per_image <= last; ++image) {
      const int begin = image * per_image;
      any = any || larger(first, begin) < begin + rows.count[image] * pixels;
    }
  }
  return any;
}

}  // namespace nestor
