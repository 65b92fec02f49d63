#pragma once
// What a file is that is not a model file, for the message that refuses it.

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace nestor {

struct FileKind {
  std::string_view name;     // "a PyTorch file"
  bool convertible = false;  // by nestor-convert, if it holds the weights of a network
  std::string_view advice = {};
};

// Told by the first bytes; nothing if they do not say.
std::optional<FileKind> file_kind(std::span<const std::byte> bytes);

// Whether the bytes begin as a safetensors file does: a plausible length, then a brace.
bool looks_like_safetensors(std::span<const std::byte> bytes);

}  // namespace nestor
