#include "weights_convert/pretrained/file_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/check.h"
#include "weights_convert/pretrained/plain_file.h"

namespace nestor {

FileLock::FileLock(const std::filesystem::path& path, const std::function<void()>& waiting)
    : descriptor_(open_plain_file(path, O_RDWR | O_CREAT)) {
  int status = ::flock(descriptor_, LOCK_EX | LOCK_NB);
  if (status != 0 && errno == EWOULDBLOCK) {
    waiting();
    do {
      status = ::flock(descriptor_, LOCK_EX);
    } while (status != 0 && errno == EINTR);
  }
  if (status == 0) return;
  const int error = errno;
  ::close(descriptor_);
  fail(ErrorCode::kInternal, "{}: cannot lock: {}", path.string(), std::strerror(error));
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace nestor
