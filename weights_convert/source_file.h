#pragma once
// What a weight file of any format is to the converter: a list of tensors that still lie in the
// file. Reading one checks everything that can be checked without touching the tensors' bytes.

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nestor/tensor.h"

namespace nestor {

struct SourceTensor {
  std::optional<std::string> name;  // nothing if the format has none
  DType dtype = DType::kFloat32;
  Shape shape;
  // Without strides: exactly the tensor's bytes, C order, little-endian. With strides (in elements,
  // one a dimension): the storage from the tensor's first element on, which they do not leave.
  std::span<const std::byte> data;
  std::vector<std::int64_t> strides;

  std::size_t bytes() const {
    return static_cast<std::size_t>(shape.num_elements()) * size_bytes(dtype);
  }
};

struct SourceFile {
  SourceFile(std::string_view format_name, std::span<const std::byte> bytes, std::string file)
      : format(format_name), payload(bytes), payload_name(std::move(file)) {}

  std::string format;                                        // the reader's name for it
  std::vector<SourceTensor> tensors;                         // in the order of the file
  std::map<std::string, std::string, std::less<>> metadata;  // of a safetensors file

  // Of a checkpoint: the names of the classes, if it has them, and what it holds under names of the
  // state dict that is no tensor ("numpy ndarray").
  std::vector<std::string> labels;
  std::map<std::string, std::string, std::less<>> objects;

  // The weight file itself: the input, or what a compressed archive holds. Official hashes are of
  // these bytes, and payload_name is what a name that ends in a hash would be.
  std::span<const std::byte> payload;
  std::string payload_name;

  std::shared_ptr<const void> expanded;  // owns the bytes of an archive's contents, if there is one
};

// The tensor's bytes in C order: in the file if they lie so, else gathered into scratch, which
// must outlive the result.
std::span<const std::byte> contiguous(const SourceTensor& tensor, std::vector<std::byte>& scratch);

// Takes the strides away from a tensor that lies in C order anyway and cuts its data to size.
void drop_plain_strides(SourceTensor& tensor);

}  // namespace nestor
