#pragma once
// Where a command's results go: standard output, or a file that appears when it is complete.

#include <memory>
#include <string>
#include <string_view>

#include "engine/atomic_file.h"

namespace nestor {

class TextOutput {
 public:
  // An empty path is standard output.
  explicit TextOutput(const std::string& path);

  // Throws kInternal where the system refuses, a closed pipe included.
  void write(std::string_view text);
  void finish();

 private:
  std::unique_ptr<AtomicFile> file_;
};

}  // namespace nestor
