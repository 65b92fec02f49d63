#pragma once
// Models made of a manifest (each parameter's name, shape and rule) and a file of the values that
// have no rule: how the golden data describe their networks.

#include <filesystem>

#include "weights_convert/convert.h"

namespace nestor {

// Writes the network's weights as the manifest says. Throws kUsage for an unknown network,
// kBadInput if a file cannot be opened, kBadModel for a manifest that is malformed or does not
// fit the network or the stored values.
Conversion convert_manifest(const std::filesystem::path& manifest,
                            const std::filesystem::path& stored,
                            const std::filesystem::path& output, const ConversionOptions& options);

}  // namespace nestor
