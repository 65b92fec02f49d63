#pragma once
// The bytes of a picture file, read into memory. Not mapped: a file that somebody shortens while it
// is mapped kills who reads it.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "nestor/decode_memory.h"

namespace nestor {

// Copies share the bytes.
class PictureFile {
 public:
  // Throws kBadInput, naming the file, unless it is a regular file that can be read whole, and
  // kOutOfMemory. Waits for `memory`.
  static PictureFile read(const std::filesystem::path& path, DecodeMemory& memory);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& name() const { return name_; }

 private:
  PictureFile(std::string name, std::shared_ptr<std::byte> data, std::size_t size,
              DecodeMemory::Lease lease);

  std::string name_;
  DecodeMemory::Lease lease_;
  std::shared_ptr<std::byte> data_;
  std::span<const std::byte> bytes_;
};

}  // namespace nestor
