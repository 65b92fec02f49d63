#include "apps/python/arrays.h"

#include <cstring>

#include "nestor/error.h"

namespace nestor::python {

namespace nb = nanobind;
using Code = nb::dlpack::dtype_code;

namespace {

struct TypeRow {
  DType dtype;
  Code code;
  std::uint8_t bits;
};

constexpr TypeRow kTypes[] = {
    {DType::kFloat32, Code::Float, 32}, {DType::kFloat16, Code::Float, 16},
    {DType::kFloat64, Code::Float, 64}, {DType::kBFloat16, Code::Bfloat, 16},
    {DType::kInt8, Code::Int, 8},       {DType::kInt16, Code::Int, 16},
    {DType::kInt32, Code::Int, 32},     {DType::kInt64, Code::Int, 64},
    {DType::kUInt8, Code::UInt, 8},     {DType::kUInt16, Code::UInt, 16},
    {DType::kUInt32, Code::UInt, 32},   {DType::kUInt64, Code::UInt, 64},
    {DType::kBool, Code::Bool, 8}};

DType dtype_of(nb::dlpack::dtype type) {
  for (const TypeRow& row : kTypes) {
    if (static_cast<std::uint8_t>(row.code) == type.code && row.bits == type.bits &&
        type.lanes == 1) {
      return row.dtype;
    }
  }
  throw Error(ErrorCode::kBadInput, "the array's element type is none that tensors have");
}

nb::dlpack::dtype dlpack_type(DType dtype) {
  for (const TypeRow& row : kTypes) {
    if (row.dtype == dtype) return {static_cast<std::uint8_t>(row.code), row.bits, 1};
  }
  throw Error(ErrorCode::kInternal, "no element type of arrays for this tensor");
}

}  // namespace

TensorView view(const InputArray& array) {
  std::vector<std::int64_t> dims;
  for (std::size_t idx = 0; idx < array.ndim(); ++idx) {
    dims.push_back(static_cast<std::int64_t>(array.shape(idx)));
  }
  return {.desc = {dtype_of(array.dtype()), Shape(std::move(dims))}, .data = array.data()};
}

OwnedTensor::OwnedTensor(TensorDesc tensor_desc)
    : desc(std::move(tensor_desc)),
      data(std::make_unique_for_overwrite<std::byte[]>(TensorView{.desc = desc}.bytes())) {}

OwnedTensor copy_of(const TensorView& tensor) {
  OwnedTensor copy(tensor.desc);
  if (tensor.bytes() > 0) std::memcpy(copy.data.get(), tensor.data, tensor.bytes());
  return copy;
}

nb::object to_numpy(OwnedTensor tensor) {
  std::vector<std::size_t> shape;
  for (const std::int64_t extent : tensor.desc.shape.dims()) {
    shape.push_back(static_cast<std::size_t>(extent));
  }
  std::byte* const data = tensor.data.release();
  const nb::capsule owner(data,
                          [](void* bytes) noexcept { delete[] static_cast<std::byte*>(bytes); });
  return nb::cast(nb::ndarray<nb::numpy>(data, shape.size(), shape.data(), owner, nullptr,
                                         dlpack_type(tensor.desc.dtype)));
}

}  // namespace nestor::python
