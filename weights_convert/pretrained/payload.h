#pragma once
// Is this the published file?

#include <filesystem>
#include <span>
#include <string>

#include "nestor/error.h"
#include "weights_convert/official_files.h"

namespace nestor {

std::string digest_hex(std::span<const std::byte> bytes, HashKind kind);

bool has_digest(std::span<const std::byte> bytes, const OfficialFile& file);

// Makes `target` out of what was downloaded or given as `arrived`: the file itself, or for .params
// a zip archive that holds it and nothing else. Throws kBadModel if it is neither, or has
// another hash than the published one; kInternal if the system refuses. `target` appears whole
// or not at all. kTake renames `arrived` if that will do; else it stays.
enum class Unpack { kTake, kCopy };
void unpack(const std::filesystem::path& arrived, const OfficialFile& file,
            const std::filesystem::path& target, Unpack how);

// The entry of the list whose published file (or an archive of it) lies at `path`; null if it is
// none. Throws kBadInput if it cannot be read.
const OfficialFile* recognise(const std::filesystem::path& path,
                              std::span<const OfficialFile> files);

}  // namespace nestor
