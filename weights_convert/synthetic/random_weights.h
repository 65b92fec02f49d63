#pragma once
// Random weights for any network: what is needed to measure, and to try things out, without a
// download.

#include <cstdint>
#include <filesystem>

#include "weights_convert/convert.h"

namespace nestor {

// Writes weights whose values follow from the seed (synthetic/values.h), with batch norm statistics
// from deterministic made-up images, so that activations keep a natural range. Throws kUsage for an
// unknown network.
Conversion convert_random(std::uint64_t seed, const std::filesystem::path& output,
                          const ConversionOptions& options);

}  // namespace nestor
