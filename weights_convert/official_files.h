#pragma once
// The published weight files of our networks, known by their hashes.

#include <optional>
#include <span>
#include <string_view>

namespace nestor {

struct OfficialFile {
  std::string_view network;
  std::string_view source;       // "gluoncv", "resnest", "timm": whose preprocessing goes with it
  std::string_view hash_prefix;  // SHA-1 of a .params file, SHA-256 of a .pth file
};

std::span<const OfficialFile> official_files();

// The published file with that digest, of either kind; null where there is none.
const OfficialFile* find_official_file(std::string_view digest);

// The digest that the name of a published file ends with: "bcfefe1d" of
// "resnest50-bcfefe1d.params"; nothing for names that do not end so.
std::optional<std::string_view> hash_in_name(std::string_view file_name);

}  // namespace nestor
