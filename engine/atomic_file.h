#pragma once
// A file that appears under its name whole or not at all.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

namespace nestor {

// Bytes go to a file without a name in the same folder, so that nothing is left behind whatever
// becomes of the process; if the file system cannot do that, to one with a temporary name.
// commit() makes them durable and gives them their name. Symbolic links are followed, dangling ones
// included. Devices and named pipes (/dev/stdout, /dev/null) are written to directly. Throws
// kInternal, naming the file, if the system refuses, kUsage if the name belongs to a folder.
// The file's own name may be as long as the file system allows.
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
  enum class Kind { kDirect, kNameless, kNamed };

  bool open_direct();
  bool open_nameless();
  void open_named();
  void name_it();
  [[noreturn]] void refuse(std::string_view what, int error) const;

  std::filesystem::path path_;       // as given, for messages
  std::filesystem::path target_;     // what it stands for when links are followed
  std::filesystem::path temporary_;  // empty while there is no file of that name
  Kind kind_ = Kind::kNameless;
  int descriptor_ = -1;
};

}  // namespace nestor
