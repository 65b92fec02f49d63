#pragma once
// A file that appears under its name whole or not at all.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace nestor {

// Bytes go to a temporary file in the same folder; commit() makes them durable and gives them their
// name (fsync, rename). Destroyed before that, it leaves nothing behind. A symbolic link is
// followed. Throws kInternal, naming the file, where the system refuses, kUsage where the name
// belongs to something that is not a regular file.
class AtomicFile {
 public:
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  const std::filesystem::path& path() const { return path_; }
  void write(std::span<const std::byte> data);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
};

}  // namespace nestor
