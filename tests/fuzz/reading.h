#pragma once
// What all fuzz targets of readers do with an input.

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "nestor/error.h"
#include "tests/fuzz/written.h"
#include "weights_convert/source_file.h"

namespace nestor::fuzz {

// Reads the input and touches every byte of its tensors, so that a view that leaves the input is
// found. Nothing but an Error of a bad model may come out.
template <class Read>
void read_and_walk(const std::uint8_t* data, std::size_t size, Read read) {
  // A copy of its own: the sanitizer sees the first byte read beyond it.
  const std::vector<std::uint8_t> input(data, data + size);
  try {
    const SourceFile file = read(std::as_bytes(std::span(input)), std::string("input"));
    std::vector<std::byte> scratch;
    volatile std::uint8_t sum = 0;
    for (const SourceTensor& tensor : file.tensors) {
      const std::span<const std::byte> bytes = contiguous(tensor, scratch);
      if (bytes.size() != tensor.bytes()) __builtin_trap();
      check_written(bytes.data(), bytes.size());
      for (const std::byte byte : bytes) sum = sum + std::to_integer<std::uint8_t>(byte);
    }
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadModel) __builtin_trap();
  }
}

}  // namespace nestor::fuzz
