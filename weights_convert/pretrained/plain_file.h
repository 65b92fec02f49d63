#pragma once
// Files of the cache are plain files: whoever else can write to its folder leads nobody elsewhere
// by a symbolic link, and lets nobody wait at a FIFO.

#include <filesystem>

namespace nestor {

// The descriptor of open(2) with these flags, and O_CLOEXEC. Throws kInternal if the system
// refuses or the path is something other than a plain file.
int open_plain_file(const std::filesystem::path& path, int flags);

// False if nothing is there, too.
bool is_plain_file(const std::filesystem::path& path);

}  // namespace nestor
