#include "weights_convert/pretrained/plain_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/check.h"

namespace nestor {

int open_plain_file(const std::filesystem::path& path, int flags) {
  // O_NONBLOCK: to open a FIFO does not wait for its other end. Plain files do not mind.
  const int descriptor = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
  const int error = errno;
  CHECK(descriptor >= 0 || error != ELOOP, "{}: a symbolic link, which is not followed here",
        path.string());
  CHECK(descriptor >= 0, "{}: cannot open: {}", path.string(), std::strerror(error));
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode)) return descriptor;
  ::close(descriptor);
  fail(ErrorCode::kInternal, "{}: not a plain file", path.string());
}

bool is_plain_file(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error));
}

}  // namespace nestor
