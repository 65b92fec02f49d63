#include "engine/backends/cpu/planes.h"

namespace nestor::cpu {

Planes::Planes(const Shape& shape, BufferFormat format) {
  const int block = channel_block();
  images = shape[0];
  blocks = (shape[1] + block - 1) / block;
  pixels = shape[2] * shape[3];
  plane_bytes = static_cast<std::size_t>(pixels * block) * size_bytes(format.dtype);
}

bool fills_blocks(std::int64_t channels) { return channels % channel_block() == 0; }

}  // namespace nestor::cpu
