#include "weights_convert/readers/tensor_size.h"

#include <limits>

namespace nestor {

CheckedSize checked_tensor_bytes(DType dtype, std::span<const std::int64_t> dims) {
  CheckedSize bytes = size_bytes(dtype);
  bool empty = false;
  for (const std::int64_t dim : dims) {
    empty = empty || dim == 0;
    bytes *= dim == 0 ? 1 : dim;
  }
  if (!bytes.at_most(std::numeric_limits<std::int64_t>::max())) return CheckedSize(-1);
  return empty ? CheckedSize(0) : bytes;
}

}  // namespace nestor
