#include "apps/common/text_output.h"

#include <cstdio>

#include "engine/check.h"
#include "engine/printable_text.h"

namespace nestor {

TextOutput::TextOutput(const std::string& path)
    : file_(path.empty() ? nullptr : std::make_unique<AtomicFile>(path)) {}

void TextOutput::write(std::string_view text) {
  if (file_) return file_->write(text);
  if (growing_) return growing_->write(text);
  const std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  CHECK(written == text.size(), "cannot write to standard output");
}

void TextOutput::write_head(std::string_view text) {
  if (growing_ && !growing_->empty()) return;
  write(text);
}

void TextOutput::write_printable(std::string_view text) { write(printable_lines(text)); }

void TextOutput::finish() {
  if (file_) return file_->commit();
  if (growing_) return growing_->finish();
  CHECK(std::fflush(stdout) == 0, "cannot write to standard output");
}

}  // namespace nestor
