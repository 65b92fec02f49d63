#pragma once
// GluonCV's downloads: a zip archive that holds one .params file, usually deflated.

#include <span>
#include <string>

#include "weights_convert/readers/archive.h"
#include "weights_convert/source_file.h"

namespace nestor {

bool is_params_archive(std::span<const ArchiveEntry> entries);

// Throws kBadModel, naming file and reason. The result owns the expanded bytes.
SourceFile read_params_archive(std::span<const ArchiveEntry> entries, const std::string& file);

}  // namespace nestor
