#include "weights_convert/source_file.h"

#include <cstring>

namespace nestor {

namespace {

// Copies count elements that lie stride_bytes apart to consecutive ones.
template <std::size_t kItemBytes>
void copy_row(const std::byte* src, std::size_t stride_bytes, std::byte* dst, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i)
    std::memcpy(dst + i * kItemBytes, src + i * stride_bytes, kItemBytes);
}

auto row_copier(std::size_t item_bytes) {
  switch (item_bytes) {
    case 1: return copy_row<1>;
    case 2: return copy_row<2>;
    case 4: return copy_row<4>;
    default: return copy_row<8>;
  }
}

}  // namespace

void drop_plain_strides(SourceTensor& tensor) {
  // A tensor without elements may have dimensions whose product overflows.
  std::int64_t plain_stride = 1;
  for (std::size_t dim = tensor.bytes() == 0 ? 0 : tensor.shape.rank(); dim-- > 0;) {
    // The stride of a dimension of one element is never used.
    if (tensor.shape[dim] > 1 && tensor.strides[dim] != plain_stride) return;
    plain_stride *= tensor.shape[dim];
  }
  tensor.strides.clear();
  tensor.data = tensor.data.first(tensor.bytes());
}

std::span<const std::byte> contiguous(const SourceTensor& tensor, std::vector<std::byte>& scratch) {
  if (tensor.strides.empty()) return tensor.data;
  scratch.resize(tensor.bytes());
  const std::size_t item_bytes = size_bytes(tensor.dtype);
  const std::size_t rank = tensor.shape.rank();
  const auto copy = row_copier(item_bytes);
  const auto row_length = static_cast<std::size_t>(tensor.shape[rank - 1]);
  const auto row_stride_bytes = static_cast<std::size_t>(tensor.strides[rank - 1]) * item_bytes;

  // Counts through all rows like an odometer; offset follows in elements.
  std::vector<std::int64_t> index(rank, 0);
  std::int64_t offset = 0;
  for (std::size_t done = 0; done < scratch.size(); done += row_length * item_bytes) {
    copy(tensor.data.data() + static_cast<std::size_t>(offset) * item_bytes, row_stride_bytes,
         scratch.data() + done, row_length);
    for (std::size_t dim = rank - 1; dim-- > 0;) {
      offset += tensor.strides[dim];
      if (++index[dim] < tensor.shape[dim]) break;
      offset -= tensor.strides[dim] * tensor.shape[dim];
      index[dim] = 0;
    }
  }
  return scratch;
}

}  // namespace nestor
