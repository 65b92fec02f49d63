#pragma once
// The destination of a command's results: standard output, a file that appears when it is complete, or
// one that grows.

#include <memory>
#include <string>
#include <string_view>

#include "apps/common/growing_file.h"
#include "engine/atomic_file.h"

namespace nestor {

class TextOutput {
 public:
  // An empty path is standard output.
  explicit TextOutput(const std::string& path);

  // Goes on with the file.
  explicit TextOutput(std::unique_ptr<GrowingFile> file) : growing_(std::move(file)) {}

  // Throws kInternal if the system refuses, a closed pipe included.
  void write(std::string_view text);

  // The first line of a table: not if the file that is gone on with has it.
  void write_head(std::string_view text);

  // Text that is no JSON and may hold names out of files: control characters become visible.
  void write_printable(std::string_view text);

  void finish();

 private:
  std::unique_ptr<AtomicFile> file_;
  std::unique_ptr<GrowingFile> growing_;
};

}  // namespace nestor
