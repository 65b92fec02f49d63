#pragma once
// What a tensor is: element type, shape, layout, and where its bytes lie. No arithmetic.
// A public header: standard library only.

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

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
std::string_view to_string(DType dtype);
std::size_t size_bytes(DType dtype);

// Extents of a tensor, outermost first. At most kMaxRank dimensions, none negative.
class Shape {
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

// How the elements of a logical NCHW tensor lie in memory.
enum class Layout : std::uint8_t {
  kPlain,    // C order of the logical shape; for four dimensions NCHW
  kNhwc,     // channels innermost
  kNhwc8,    // channels innermost, each pixel padded with zeros to a multiple of 8: CUDA's layout
  kNchw8c,   // blocks of 8 channels innermost, the last block padded with zeros
  kNchw16c,  // blocks of 16 channels innermost, the last block padded with zeros
};

std::string_view to_string(Layout layout);

// Element type and logical shape; the order of dimensions is NCHW whatever the layout.
struct TensorDesc {
  DType dtype = DType::kFloat32;
  Shape shape;

  bool operator==(const TensorDesc&) const = default;
};

// "float32 [1, 3, 224, 224]"
std::string to_string(const TensorDesc& desc);

// A tensor somewhere in memory that somebody else owns, in plain layout.
struct TensorView {
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
