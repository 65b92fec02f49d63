#pragma once
// PyTorch's .pth and .pt: a pickled state dict with its storages, in an archive (since 1.6) or as a
// legacy stream.

#include <span>
#include <string>
#include <vector>

#include "weights_convert/readers/archive.h"
#include "weights_convert/readers/read_options.h"
#include "weights_convert/source_file.h"

namespace nestor {

// Whether an archive's entries are those of torch.save or TorchScript.
bool is_torch_archive(std::span<const ArchiveEntry> entries);

// Both throw kBadModel, naming file and reason, for whatever is not a state dict of dense tensors;
// nothing that a file says is ever run. The results' tensors are views of bytes.
SourceFile read_torch_archive(std::span<const ArchiveEntry> entries,
                              std::span<const std::byte> bytes, const std::string& file,
                              const ReadOptions& options = {});

// Five pickles (magic number, protocol, system, state dict, storage keys), then the storages.
bool is_torch_stream(std::span<const std::byte> bytes);
SourceFile read_torch_stream(std::span<const std::byte> bytes, const std::string& file,
                             const ReadOptions& options = {});

}  // namespace nestor
