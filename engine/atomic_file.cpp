#include "engine/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/check.h"

namespace nestor {

namespace {

// A new name appears for good only when its folder has been written too. Some file systems cannot
// do that for folders; the file itself is safe all the same.
void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

}  // namespace

AtomicFile::AtomicFile(const std::filesystem::path& path) : path_(path) {
  std::error_code error;
  if (std::filesystem::is_symlink(path_, error))
    path_ = std::filesystem::weakly_canonical(path_, error);
  CHECK_AS(kUsage,
           !std::filesystem::exists(path_, error) || std::filesystem::is_regular_file(path_, error),
           "{}: cannot be written: it exists and is not a regular file", path_.string());
  // O_EXCL settles who owns a name; the process id only makes the first try the likely one.
  for (int attempt = 0; attempt < 1000 && descriptor_ < 0; ++attempt) {
    temporary_ = path_;
    temporary_ += fmt::format(".part-{}-{}", ::getpid(), attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  CHECK(descriptor_ >= 0, "{}: cannot create: {}", temporary_.string(), std::strerror(errno));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    CHECK(written >= 0, "{}: cannot write: {}", path_.string(), std::strerror(errno));
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  CHECK(::fsync(descriptor_) == 0, "{}: cannot write: {}", path_.string(), std::strerror(errno));
  // Network file systems may report a full disk only here.
  const int closed = ::close(std::exchange(descriptor_, -1));
  const bool renamed = closed == 0 && ::rename(temporary_.c_str(), path_.c_str()) == 0;
  if (!renamed) {
    const int error = errno;
    ::unlink(temporary_.c_str());
    fail(ErrorCode::kInternal, "{}: cannot write: {}", path_.string(), std::strerror(error));
  }
  sync_folder(path_.has_parent_path() ? path_.parent_path() : ".");
}

}  // namespace nestor
