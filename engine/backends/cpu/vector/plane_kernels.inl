// Included by plane_kernels_<isa>.cpp, each compiled for its instruction set.

#include "engine/backends/cpu/vector/plane_kernels.h"
#include "engine/backends/cpu/vector/storage.inl"

namespace nestor::cpu::NESTOR_ISA {

namespace {

// Four chains of additions, so that they overlap.
template <class Storage>
void sum(const void* src, std::int64_t pixels, float* sums) {
  Vector chains[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= pixels; i += 4) {
    for (int chain = 0; chain < 4; ++chain) chains[chain] += pixel<Storage>(src, i + chain);
  }
  for (; i < pixels; ++i) chains[0] += pixel<Storage>(src, i);
  const Vector total = (chains[0] + chains[1]) + (chains[2] + chains[3]);
  set_vector(sums, 0, vector_at(sums, 0) + total);
}

template <class Storage, int kCount>
void weighted_sum_of(const void* const* srcs, const float* weights, std::int64_t pixels,
                     void* dst) {
  Vector weight[kCount];
  for (int r = 0; r < kCount; ++r) weight[r] = vector_at(weights, r);
  for (std::int64_t i = 0; i < pixels; ++i) {
    Vector total = weight[0] * pixel<Storage>(srcs[0], i);
    for (int r = 1; r < kCount; ++r) total += weight[r] * pixel<Storage>(srcs[r], i);
    set_pixel<Storage>(dst, i, total);
  }
}

template <class Storage>
Vector weighted_pixel(const void* const* srcs, const float* weights, int count, std::int64_t idx) {
  Vector total = vector_at(weights, 0) * pixel<Storage>(srcs[0], idx);
  for (int r = 1; r < count; ++r) total += vector_at(weights, r) * pixel<Storage>(srcs[r], idx);
  return total;
}

template <class Storage>
void weighted_sum(const void* const* srcs, const float* weights, int count, std::int64_t pixels,
                  void* dst) {
  if (count == 1) return weighted_sum_of<Storage, 1>(srcs, weights, pixels, dst);
  if (count == 2) return weighted_sum_of<Storage, 2>(srcs, weights, pixels, dst);
  if (count == 4) return weighted_sum_of<Storage, 4>(srcs, weights, pixels, dst);
  for (std::int64_t i = 0; i < pixels; ++i) {
    set_pixel<Storage>(dst, i, weighted_pixel<Storage>(srcs, weights, count, i));
  }
}

// The three rows under a row of windows are kept as weighted sums, row y in rows[y mod 3].
template <class Storage>
void weighted_sum_pool(const void* const* srcs, const float* weights, int count,
                       const PlanePool& pool, float* rows, void* dst) {
  const std::int64_t row_floats = pool.w * kBlock;
  std::int64_t next = 0;  // first row that is not in `rows` yet
  for (std::int64_t p = 0; p < pool.out_h; ++p) {
    const std::int64_t first = p * pool.stride - 1;
    const std::int64_t end = first + 3 < pool.h ? first + 3 : pool.h;
    for (next = next > first ? next : first; next < end; ++next) {
      float* const row = rows + next % 3 * row_floats;
      for (std::int64_t x = 0; x < pool.w; ++x) {
        set_vector(row, x, weighted_pixel<Storage>(srcs, weights, count, next * pool.w + x));
      }
    }
    for (std::int64_t q = 0; q < pool.out_w; ++q) {
      Vector total = {};
      for (std::int64_t y = first < 0 ? 0 : first; y < end; ++y) {
        const float* const row = rows + y % 3 * row_floats;
        for (std::int64_t x = q * pool.stride - 1; x < q * pool.stride + 2; ++x) {
          if (x >= 0 && x < pool.w) total += vector_at(row, x);
        }
      }
      set_pixel<Storage>(dst, p * pool.out_w + q, total / 9.0F);
    }
  }
}

template <class Storage>
void affine(const void* src, const float* scale, const float* shift, std::int64_t pixels,
            void* dst) {
  const Vector factor = vector_at(scale, 0), summand = vector_at(shift, 0);
  for (std::int64_t i = 0; i < pixels; ++i) {
    set_pixel<Storage>(dst, i, pixel<Storage>(src, i) * factor + summand);
  }
}

template <class Storage>
void add_upsampled(const void* coarse, std::int64_t height, std::int64_t width, void* dst) {
  const std::int64_t coarse_width = (width + 1) / 2;
  for (std::int64_t y = 0; y < height; ++y) {
    const std::int64_t from = y / 2 * coarse_width, to = y * width;
    for (std::int64_t x = 0; x < width; ++x) {
      const Vector summand = pixel<Storage>(coarse, from + x / 2);
      set_pixel<Storage>(dst, to + x, pixel<Storage>(dst, to + x) + summand);
    }
  }
}

template <class Storage>
Vector sampled(const void* src, std::int64_t width, const AxisSample& row,
               const AxisSample& column) {
  const std::int64_t low = row.low * width, high = row.high * width;
  const Vector upper = column.low_weight * pixel<Storage>(src, low + column.low) +
                       column.high_weight * pixel<Storage>(src, low + column.high);
  const Vector lower = column.low_weight * pixel<Storage>(src, high + column.low) +
                       column.high_weight * pixel<Storage>(src, high + column.high);
  return row.low_weight * upper + row.high_weight * lower;
}

template <class Storage>
void pool_region(const void* src, std::int64_t width, const PlaneRegion& region, void* dst) {
  const int samples = region.samples;
  const auto divisor = static_cast<float>(samples * samples);
  for (int p = 0; p < region.bins_h; ++p) {
    for (int q = 0; q < region.bins_w; ++q) {
      Vector total = {};
      for (int i = 0; i < samples; ++i) {
        for (int j = 0; j < samples; ++j) {
          total += sampled<Storage>(src, width, region.rows[p * samples + i],
                                    region.columns[q * samples + j]);
        }
      }
      set_pixel<Storage>(dst, p * region.bins_w + q, total / divisor);
    }
  }
}

template <class Storage>
void gather(const void* src, std::int64_t pixels, std::int64_t count, std::int64_t stride,
            float* dst) {
  for (std::int64_t i = 0; i < pixels; ++i) {
    const Vector v = pixel<Storage>(src, i);
    std::memcpy(dst + i * stride, &v, static_cast<std::size_t>(count) * sizeof(float));
  }
}

void fully_connected(const float* src, const float* weight, const float* bias, std::int64_t inputs,
                     float* dst) {
  Vector chains[4] = {};
  std::int64_t i = 0;
  for (; i + 4 <= inputs; i += 4) {
    for (int chain = 0; chain < 4; ++chain) {
      chains[chain] += src[i + chain] * vector_at(weight, i + chain);
    }
  }
  for (; i < inputs; ++i) chains[0] += src[i] * vector_at(weight, i);
  set_vector(dst, 0, vector_at(bias, 0) + ((chains[0] + chains[1]) + (chains[2] + chains[3])));
}

template <class Storage>
constexpr PlaneKernels kKernels = {
    kBlock,          sum<Storage>,           weighted_sum<Storage>, weighted_sum_pool<Storage>,
    affine<Storage>, add_upsampled<Storage>, pool_region<Storage>,  gather<Storage>,
    fully_connected};

}  // namespace

const PlaneKernels& plane_kernels(DType storage) {
  return storage == DType::kBFloat16 ? kKernels<BFloat16> : kKernels<Float32>;
}

}  // namespace nestor::cpu::NESTOR_ISA
