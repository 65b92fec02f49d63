#include "apps/common/standard_streams.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "engine/check.h"

namespace nestor {

namespace {

constexpr std::size_t kMostAtOnce = std::size_t{1} << 24;

}  // namespace

void occupy_standard_descriptors() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) >= 0 || errno != EBADF) continue;
    // Opened the wrong way round, they fail where a closed one would. The lowest free number is
    // this descriptor, as those below are open.
    ::open("/dev/null", descriptor == STDOUT_FILENO ? O_RDONLY : O_WRONLY);
  }
}

StandardInput::StandardInput(std::size_t max_bytes) : reserved_(max_bytes + 1) {
  // Address space only; pages come with the bytes.
  void* const pages = ::mmap(nullptr, reserved_, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK_AS(kOutOfMemory, pages != MAP_FAILED, "-: no address space for {} bytes", reserved_);
  data_ = static_cast<std::byte*>(pages);
  while (size_ < reserved_) {
    const ssize_t count =
        ::read(STDIN_FILENO, data_ + size_, std::min(reserved_ - size_, kMostAtOnce));
    if (count == 0) return;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int error = errno;
      ::munmap(data_, reserved_);
      fail(ErrorCode::kBadInput, "-: cannot read standard input: {}", std::strerror(error));
    }
    size_ += static_cast<std::size_t>(count);
  }
  ::munmap(data_, reserved_);
  fail(ErrorCode::kBadInput, "-: more than {} bytes", max_bytes);
}

StandardInput::~StandardInput() { ::munmap(data_, reserved_); }

}  // namespace nestor
