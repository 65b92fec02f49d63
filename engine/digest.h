#pragma once
// Hashes of files and tensors.

#include <cstddef>
#include <span>
#include <string>

namespace nestor {

// Lower-case hexadecimal digests.
std::string sha256_hex(std::span<const std::byte> bytes);
std::string sha1_hex(std::span<const std::byte> bytes);

}  // namespace nestor
