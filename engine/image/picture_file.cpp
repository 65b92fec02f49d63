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

constexpr std::size_t kFirstBytes = 1 << 16;  // of a stream, whose size is not known

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

// Memory that grows in place where the system can move pages, as it can for large blocks.
class Buffer {
 public:
  Buffer(std::size_t size, const std::string& name) : name_(name) { resize(size); }
  ~Buffer() { std::free(data_); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  void resize(std::size_t size) {
    void* const grown = std::realloc(data_, std::max<std::size_t>(size, 1));
    CHECK_AS(kOutOfMemory, grown != nullptr, "{}: not enough memory to read it", name_);
    data_ = static_cast<std::byte*>(grown);
    size_ = size;
  }
  std::size_t size() const { return size_; }
  std::byte* data() { return data_; }
  std::shared_ptr<std::byte> release() { return {std::exchange(data_, nullptr), std::free}; }

 private:
  const std::string& name_;
  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

// Fills the buffer from `at` on; returns how many bytes came before the end.
std::size_t fill(int fd, Buffer& buffer, std::size_t at, const std::string& name) {
  const std::size_t begin = at;
  while (at < buffer.size()) {
    const ssize_t count = ::read(fd, buffer.data() + at, buffer.size() - at);
    if (count < 0 && errno == EINTR) continue;
    CHECK_AS(kBadInput, count >= 0, "{}: cannot read it: {}", name, std::strerror(errno));
    if (count == 0) break;
    at += static_cast<std::size_t>(count);
  }
  return at - begin;
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
  Buffer buffer(size, name);
  const std::size_t count = fill(file.get(), buffer, 0, name);
  CHECK_AS(kBadInput, count == size, "{}: it had {} bytes and {} when it was read", name, size,
           count);
  return {name, buffer.release(), size, std::move(lease)};
}

PictureFile PictureFile::read_stream(int descriptor, const std::string& name,
                                     std::uint64_t max_bytes, DecodeMemory& memory) {
  max_bytes = std::min(max_bytes, memory.most_for_one());
  Buffer buffer(kFirstBytes, name);
  std::size_t size = 0;
  while (true) {
    size += fill(descriptor, buffer, size, name);
    CHECK_AS(kBadInput, size <= max_bytes, "{}: more than {} bytes", name, max_bytes);
    if (size < buffer.size()) break;
    buffer.resize(buffer.size() * 2);
  }
  buffer.resize(size);
  DecodeMemory::Lease lease = memory.for_file(size, name);
  return {name, buffer.release(), size, std::move(lease)};
}

}  // namespace nestor
