#pragma once
// Official weights by name: from the cache, or from the network into it.

#include <filesystem>
#include <functional>
#include <string>

#include "weights_convert/pretrained/cache.h"
#include "weights_convert/pretrained/options.h"

namespace nestor {

// Told what happens, a line each.
using Note = std::function<void(const std::string&)>;

// The published file: where it lies already and has its hash, else downloaded. Throws
//   kInternal  if the network fails (the message says what can be done without one) or the cache
//              cannot be written,
//   kBadModel  if what arrived is not the published file; nothing of it is kept.
std::filesystem::path pull_original(const OfficialFile& file, const WeightCache& cache,
                                    const PretrainedOptions& options, const Note& note);

// The same converted for the engine, as its source prepares images. Converted models are kept; one
// that is no longer as it was converted is converted anew.
// Throws kUnsupported if the network is not one of the zoo's.
std::filesystem::path pull_model(const OfficialFile& file, const WeightCache& cache,
                                 const PretrainedOptions& options, const Note& note);

// Takes over a file that the user has. Throws kBadInput if it is none of the list's.
const OfficialFile& import_file(const std::filesystem::path& path,
                                std::span<const OfficialFile> files, const WeightCache& cache,
                                const Note& note);

// Where the file is looked for, first to last; hosts that are reported dead are the last. The hub
// (hub.h) comes after them.
std::vector<std::string> urls_of(const OfficialFile& file, const std::string& base_url);

}  // namespace nestor
