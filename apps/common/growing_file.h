#pragma once
// A file that is written as results come, to be gone on with if the process does not reach the end.

#include <cstdint>
#include <filesystem>
#include <string_view>

namespace nestor {

class GrowingFile {
 public:
  // Opens or makes the file, and keeps other processes from growing it meanwhile. Throws kInternal,
  // naming it, if the system refuses; kUsage if another process has it.
  explicit GrowingFile(const std::filesystem::path& path);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  // Cuts off all but the first bytes.
  void keep(std::uint64_t bytes);

  bool empty() const { return bytes_ == 0; }
  void write(std::string_view text);

  // Makes what was written durable.
  void finish();

 private:
  [[noreturn]] void refuse(std::string_view what) const;

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace nestor
