#include "apps/common/growing_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "engine/check.h"

namespace nestor {

GrowingFile::GrowingFile(const std::filesystem::path& path) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) refuse("cannot be opened");
  struct stat status {};
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 || ::fstat(descriptor_, &status) != 0) {
    const bool busy = errno == EWOULDBLOCK;
    ::close(descriptor_);
    CHECK_AS(kUsage, !busy, "{}: another process is writing to it", path.string());
    refuse("cannot be locked");
  }
  bytes_ = static_cast<std::uint64_t>(status.st_size);
}

GrowingFile::~GrowingFile() { ::close(descriptor_); }

void GrowingFile::keep(std::uint64_t bytes) {
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) refuse("cannot be cut");
  bytes_ = bytes;
}

void GrowingFile::write(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(descriptor_, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse("cannot be written");
    text.remove_prefix(static_cast<std::size_t>(written));
    bytes_ += static_cast<std::uint64_t>(written);
  }
}

void GrowingFile::finish() {
  if (::fsync(descriptor_) != 0 && errno != EINVAL) refuse("cannot be written");
}

void GrowingFile::refuse(std::string_view what) const {
  fail(ErrorCode::kInternal, "{}: {}: {}", path_.string(), what,
       std::generic_category().message(errno));
}

}  // namespace nestor
