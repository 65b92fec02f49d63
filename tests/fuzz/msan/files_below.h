#pragma once
// Files, read by functions that MemorySanitizer knows: those of <filesystem> and <fstream> are in
// a library that it does not see into.

#include <ftw.h>
#include <sanitizer/msan_interface.h>

#include <cstdint>
#include <cstdio>
#include <vector>

namespace nestor::fuzz {

inline std::vector<std::uint8_t> bytes_of(const char* path) {
  std::FILE* const file = std::fopen(path, "rb");
  if (file == nullptr) return {};
  std::vector<std::uint8_t> bytes(1 << 16);
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file));
  std::fclose(file);
  return bytes;
}

inline void append_files_below(const char* folder, std::vector<std::vector<std::uint8_t>>& files) {
  static std::vector<std::vector<std::uint8_t>>* found;  // nftw hands nothing on
  found = &files;
  ::nftw(
      folder,
      [](const char* path, const struct stat*, int type, struct FTW*) {
        __msan_unpoison_string(path);
        if (type == FTW_F) found->push_back(bytes_of(path));
        return 0;
      },
      /*nopenfd=*/8, FTW_PHYS);
}

}  // namespace nestor::fuzz
