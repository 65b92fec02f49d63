#include "engine/image/picture_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "engine/check.h"

namespace nestor {

namespace {

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

std::shared_ptr<std::byte> allocate(std::size_t size, const std::string& name) {
  // malloc: a vector would write zeros first.
  std::shared_ptr<std::byte> block(
      static_cast<std::byte*>(std::malloc(std::max<std::size_t>(size, 1))), std::free);
  CHECK_AS(kOutOfMemory, block != nullptr, "{}: not enough memory to read it", name);
  return block;
}

// Returns how many bytes came before the end.
std::size_t fill(int fd, std::span<std::byte> bytes, const std::string& name) {
  std::size_t at = 0;
  while (at < bytes.size()) {
    const ssize_t count = ::read(fd, bytes.data() + at, bytes.size() - at);
    if (count < 0 && errno == EINTR) continue;
    CHECK_AS(kBadInput, count >= 0, "{}: cannot read it: {}", name, std::strerror(errno));
    if (count == 0) break;
    at += static_cast<std::size_t>(count);
  }
  return at;
}

}  // namespace

PictureFile::PictureFile(std::string name, std::shared_ptr<std::byte> data, std::size_t size,
                         DecodeMemory::Lease lease)
    : name_(std::move(name)),
      lease_(std::move(lease)),
      data_(std::move(data)),
      bytes_(data_.get(), size) {}

PictureFile PictureFile::read(const std::filesystem::path& path, DecodeMemory& memory) {
  const std::string name = path.string();
  // Without O_NONBLOCK a FIFO would wait for its writer.
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  CHECK_AS(kBadInput, file.get() >= 0, "{}: cannot open: {}", name, std::strerror(errno));
  struct stat status = {};
  CHECK_AS(kBadInput, ::fstat(file.get(), &status) == 0, "{}: cannot read it: {}", name,
           std::strerror(errno));
  CHECK_AS(kBadInput, S_ISREG(status.st_mode), "{}: not a regular file", name);
  const auto size = static_cast<std::size_t>(status.st_size);
  DecodeMemory::Lease lease = memory.for_file(size, name);
  std::shared_ptr<std::byte> data = allocate(size, name);
  const std::size_t count = fill(file.get(), {data.get(), size}, name);
  CHECK_AS(kBadInput, count == size, "{}: it had {} bytes and {} when it was read", name, size,
           count);
  return {name, std::move(data), size, std::move(lease)};
}

}  // namespace nestor
