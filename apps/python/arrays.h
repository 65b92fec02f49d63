#pragma once
// Tensors between C++ and Python's arrays.

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <cstddef>
#include <memory>

#include "nestor/tensor.h"

namespace nestor::python {

// Any array in C order, on any device, that is only read.
using InputArray = nanobind::ndarray<nanobind::ro, nanobind::c_contig>;

// Throws kBadInput for an element type that tensors do not have.
TensorView view(const InputArray& array);

struct OwnedTensor {
  explicit OwnedTensor(TensorDesc tensor_desc);

  template <class T>
  T* as() {
    return reinterpret_cast<T*>(data.get());
  }

  TensorDesc desc;
  std::unique_ptr<std::byte[]> data;
};

OwnedTensor copy_of(const TensorView& tensor);

// A NumPy array that owns the tensor's data.
nanobind::object to_numpy(OwnedTensor tensor);

}  // namespace nestor::python
