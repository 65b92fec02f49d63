#pragma once
// Zip archives: the list of what is inside. Contents are found through the central directory, as
// writers that stream leave sizes and checksums out of the headers before the data.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nestor {

struct ArchiveEntry {
  std::string name;  // relative, without ".." or empty parts; a folder's ends with a slash
  bool deflated = false;
  std::uint64_t size_bytes = 0;     // of the contents
  std::uint32_t checksum = 0;       // CRC-32 of the contents; 0 if the writer computed none
  std::span<const std::byte> data;  // as they lie in the archive
};

bool is_archive(std::span<const std::byte> bytes);

// The entries in the order of the central directory, views of bytes. Throws kBadModel, naming file
// and reason, for archives that are damaged, encrypted, spread over disks, overlapping or
// compressed by another method than deflate, for names that climb out of the archive or occur
// twice, and for whatever another reader could take for other contents: a second end record, an
// entry that the directory does not list, a header that contradicts it.
std::vector<ArchiveEntry> read_archive(std::span<const std::byte> bytes, const std::string& file);

// Throws kBadModel if the contents of a stored entry do not have the entry's checksum.
void check_stored(const ArchiveEntry& entry, const std::string& file);

// The contents of a deflated entry, checked. Throws kBadModel if the entry claims to grow beyond
// what weights do (kMaxExpansion), before anything is allocated.
std::vector<std::byte> inflate(const ArchiveEntry& entry, const std::string& file);

}  // namespace nestor
