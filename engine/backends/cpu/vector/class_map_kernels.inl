// Included by class_map_kernels_<isa>.cpp, each compiled for its instruction set.

#include <limits>

#include "engine/backends/cpu/vector/class_map_kernels.h"
#include "engine/backends/cpu/vector/storage.inl"

namespace nestor::cpu::NESTOR_ISA {

namespace {

using Ints = std::int32_t __attribute__((vector_size(kBlock * 4)));

constexpr float kLowest = -std::numeric_limits<float>::infinity();

Vector all(float x) { return Vector{} + x; }
Ints all(std::int32_t x) { return Ints{} + x; }

// The best class so far of those that share a lane.
struct Best {
  Vector score = all(kLowest);
  Ints block = {};

  void offer(Vector other, std::int32_t of_block) {
    const Ints better = other > score;
    score = better ? other : score;
    block = better ? all(of_block) : block;
  }

  // The first of the largest.
  std::int32_t first() const {
    float largest = kLowest;
    std::int32_t best = std::numeric_limits<std::int32_t>::max();
    for (int lane = 0; lane < kBlock; ++lane) {
      const std::int32_t k = block[lane] * kBlock + lane;
      if (score[lane] > largest || (score[lane] == largest && k < best)) {
        largest = score[lane];
        best = k;
      }
    }
    return best == std::numeric_limits<std::int32_t>::max() ? 0 : best;
  }
};

// The lanes of the last block that are no classes never win.
Vector penalty(std::int64_t num_classes) {
  Vector result = {};
  for (int lane = 0; lane < kBlock; ++lane) {
    if (num_classes % kBlock != 0 && lane >= num_classes % kBlock) result[lane] = kLowest;
  }
  return result;
}

template <class Storage>
Vector score_of(const char* plane, const ClassMapRow& row, const AlignCornersTap& column) {
  const Vector u1 = all(column.distance), u0 = all(1.0F - column.distance);
  const Vector v1 = all(row.distance), v0 = all(1.0F - row.distance);
  const Vector above = u0 * pixel<Storage>(plane, row.above + column.low) +
                       u1 * pixel<Storage>(plane, row.above + column.high);
  const Vector below = u0 * pixel<Storage>(plane, row.below + column.low) +
                       u1 * pixel<Storage>(plane, row.below + column.high);
  return v0 * above + v1 * below;
}

template <class Storage>
void class_map_row(const ClassMapRow& row) {
  const auto blocks = static_cast<std::int32_t>((row.num_classes + kBlock - 1) / kBlock);
  const Vector no_class = penalty(row.num_classes);
  for (std::int64_t x = 0; x < row.width; ++x) {
    Best best;
    const auto* plane = static_cast<const char*>(row.scores);
    for (std::int32_t block = 0; block < blocks; ++block, plane += row.plane_bytes) {
      const Vector score = score_of<Storage>(plane, row, row.columns[x]);
      best.offer(block + 1 == blocks ? score + no_class : score, block);
    }
    if (row.bytes != nullptr) {
      row.bytes[x] = static_cast<std::uint8_t>(best.first());
    } else {
      row.numbers[x] = best.first();
    }
  }
}

}  // namespace

ClassMapKernel class_map_kernel(DType storage) {
  return storage == DType::kBFloat16 ? class_map_row<BFloat16> : class_map_row<Float32>;
}

}  // namespace nestor::cpu::NESTOR_ISA
