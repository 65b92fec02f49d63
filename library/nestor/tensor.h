#pragma once
// Tensors: element type, shape and a pointer to the data. No arithmetic.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "nestor/export.h"

namespace nestor {

// Element types of weight files and tensors. The engine computes in float32, float16 and bfloat16;
// the others occur in source files.
enum class DType : std::uint8_t {
  kFloat32,
  kFloat16,
  kBFloat16,
  kFloat64,
  kInt8,
  kInt16,
  kInt32,
  kInt64,
  kUInt8,
  kUInt16,
  kUInt32,
  kUInt64,
  kBool,
};

// "float32", "bfloat16", ...: the names that NumPy and PyTorch use.
NESTOR_API std::string_view to_string(DType dtype);
NESTOR_API std::size_t size_bytes(DType dtype);

// Extents of a tensor, outermost first. At most kMaxRank dimensions, none negative.
class NESTOR_API Shape {
 public:
  static constexpr std::size_t kMaxRank = 32;

  Shape() = default;
  Shape(std::initializer_list<std::int64_t> dims) : dims_(dims) {}
  explicit Shape(std::vector<std::int64_t> dims) : dims_(std::move(dims)) {}

  std::size_t rank() const { return dims_.size(); }
  std::int64_t operator[](std::size_t idx) const { return dims_[idx]; }
  std::int64_t& operator[](std::size_t idx) { return dims_[idx]; }
  std::span<const std::int64_t> dims() const { return dims_; }

  // Product of all extents; 1 for rank 0. The shape must be known to be sane (CheckedSize is for
  // others).
  std::int64_t num_elements() const;

  // "[1, 64, 56, 56]"
  std::string to_string() const;

  bool operator==(const Shape&) const = default;

 private:
  std::vector<std::int64_t> dims_;
};

// Element type and logical shape.
struct NESTOR_API TensorDesc {
  DType dtype = DType::kFloat32;
  Shape shape;

  bool operator==(const TensorDesc&) const = default;
};

// "float32 [1, 3, 224, 224]"
NESTOR_API std::string to_string(const TensorDesc& desc);

// A tensor before it is there. An extent of -1 may be any.
struct NESTOR_API TensorInfo {
  std::string name;
  TensorDesc desc;

  bool operator==(const TensorInfo&) const = default;
};

// A tensor somewhere in memory that somebody else owns, in C order.
struct NESTOR_API TensorView {
  TensorDesc desc;
  const void* data = nullptr;

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
  std::size_t bytes() const {
    return static_cast<std::size_t>(desc.shape.num_elements()) * size_bytes(desc.dtype);
  }
};

}  // namespace nestor
