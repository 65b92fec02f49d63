#pragma once
// The list of source formats.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "engine/weights/weight_file.h"
#include "weights_convert/readers/read_options.h"
#include "weights_convert/source_file.h"

namespace nestor {

struct SourceFormat {
  std::string_view name;
  bool (*recognises)(std::span<const std::byte> bytes);  // by its first bytes
  SourceFile (*read)(std::span<const std::byte> bytes, const std::string& file,
                     const ReadOptions& options);
};

std::span<const SourceFormat> source_formats();

// Reads a weight file of any format, recognised by its content. The result's tensors are views of
// bytes, which must outlive it. Throws kBadModel, naming file and reason.
SourceFile read_source(std::span<const std::byte> bytes, const std::string& file,
                       const ReadOptions& options = {});

// A weight file on disk with what was read from it.
struct OpenedSource {
  MappedFile input;
  SourceFile content;
};

// Throws kBadInput if the file cannot be opened, kBadModel for what is in it.
OpenedSource open_source(const std::filesystem::path& path, const ReadOptions& options = {});

}  // namespace nestor
