#pragma once
// What a file of the cache was when it was made: its SHA-256, and size and date, by which a file
// that nobody has touched is known without reading it.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace nestor {

struct Record {
  std::string sha256;
  std::uintmax_t bytes = 0;
  std::int64_t modified_ns = 0;  // of the file system's clock

  friend bool operator==(const Record&, const Record&) = default;
};

// Beside the file: "<file>.sha256", a line "<SHA-256> <bytes> <modified>". Earlier versions wrote
// the digest alone.
std::filesystem::path record_path(const std::filesystem::path& file);

// Reads the whole file.
Record record_of(const std::filesystem::path& file);

void write_record(const std::filesystem::path& path, const Record& record);

// Nothing if there is none, or none that makes sense.
std::optional<Record> read_record(const std::filesystem::path& path);

// Whether size and date are those of the record, or, if they are others, the digest is. Then the
// record is written anew if the cache can be written. False without a record.
bool is_as_recorded(const std::filesystem::path& file);

}  // namespace nestor
