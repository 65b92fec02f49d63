#include "engine/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "engine/check.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr int kMaxLinks = 40;  // as many as the system follows
constexpr int kMaxAttempts = 1000;
constexpr mode_t kMode = 0666;

// A new name appears for good only when its folder has been written too. Some file systems cannot
// do that for folders; the file itself is safe all the same.
void sync_folder(const fs::path& folder) {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

fs::path folder_of(const fs::path& path) {
  return path.has_parent_path() ? path.parent_path() : fs::path(".");
}

// Unlike std::filesystem's functions, also for a link whose target does not exist.
fs::path follow_links(fs::path path) {
  std::error_code error;
  for (int i = 0; i < kMaxLinks && fs::is_symlink(path, error); ++i) {
    const fs::path target = fs::read_symlink(path, error);
    if (error) break;
    path = target.is_absolute() ? target : folder_of(path) / target;
  }
  return path;
}

// O_EXCL settles who owns a name; the process id only makes the first try the likely one. The
// target's own name is no part of it: it may be as long as the file system allows.
fs::path temporary_name(const fs::path& path, int attempt) {
  return folder_of(path) / fmt::format(".nestor-part-{}-{}", ::getpid(), attempt);
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(path) {
  std::error_code error;
  CHECK_AS(kUsage, !fs::is_directory(path_, error), "{}: cannot be written: it is a folder",
           path_.string());
  if (open_direct()) return;
  target_ = follow_links(path_);
  if (!open_nameless()) open_named();
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::refuse(std::string_view what, int error) const {
  fail(ErrorCode::kInternal, "{}: {}: {}", path_.string(), what, std::strerror(error));
}

bool AtomicFile::open_direct() {
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (!fs::exists(status) || fs::is_regular_file(status)) return false;
  kind_ = Kind::kDirect;
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC);
  if (descriptor_ < 0) refuse("cannot open", errno);
  return true;
}

bool AtomicFile::open_nameless() {
  descriptor_ = ::open(folder_of(target_).c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, kMode);
  return descriptor_ >= 0;
}

void AtomicFile::open_named() {
  kind_ = Kind::kNamed;
  for (int attempt = 0; attempt < kMaxAttempts && descriptor_ < 0; ++attempt) {
    temporary_ = temporary_name(target_, attempt);
    descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode);
    if (descriptor_ < 0 && errno != EEXIST) break;
  }
  if (descriptor_ >= 0) return;
  temporary_.clear();
  refuse("cannot create", errno);
}

// A link cannot replace a file, a renamed file can.
void AtomicFile::name_it() {
  const std::string source = fmt::format("/proc/self/fd/{}", descriptor_);
  for (int attempt = 0; attempt < kMaxAttempts; ++attempt) {
    const fs::path name = temporary_name(target_, attempt);
    if (::linkat(AT_FDCWD, source.c_str(), AT_FDCWD, name.c_str(), AT_SYMLINK_FOLLOW) == 0) {
      temporary_ = name;
      return;
    }
    if (errno != EEXIST) break;
  }
  refuse("cannot write", errno);
}

void AtomicFile::write(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) refuse("cannot write", errno);
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

void AtomicFile::commit() {
  if (kind_ != Kind::kDirect && ::fsync(descriptor_) != 0) refuse("cannot write", errno);
  if (kind_ == Kind::kNameless) name_it();
  // Network file systems may report a full disk only here.
  if (::close(std::exchange(descriptor_, -1)) != 0) refuse("cannot write", errno);
  if (kind_ == Kind::kDirect) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) refuse("cannot write", errno);
  temporary_.clear();
  sync_folder(folder_of(target_));
}

}  // namespace nestor
