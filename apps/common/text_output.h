#pragma once
// The destination of a command's results: standard output, or a file that appears when it is complete.

#include <memory>
#include <string>
#include <string_view>

#include "engine/atomic_file.h"

namespace nestor {

class TextOutput {
 public:
  // An empty path is standard output.
  explicit TextOutput(const std::string& path);

  // Throws kInternal if the system refuses, a closed pipe included.
  void write(std::string_view text);

  // Text that is no JSON and may hold names out of files: control characters become visible.
  void write_printable(std::string_view text);

  void finish();

 private:
  std::unique_ptr<AtomicFile> file_;
};

}  // namespace nestor
