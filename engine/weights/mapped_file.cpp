#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

struct Descriptor {
  int value = -1;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

MappedFile MappedFile::open(const std::filesystem::path& path) {
  MappedFile file;
  file.name_ = path.string();
  // O_NONBLOCK: a named pipe is refused below, not waited for.
  const Descriptor descriptor{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  CHECK_AS(kBadInput, descriptor.value >= 0, "{}: cannot open: {}", file.name_,
           std::strerror(errno));
  struct stat status = {};
  CHECK_AS(kBadInput, ::fstat(descriptor.value, &status) == 0, "{}: cannot read: {}", file.name_,
           std::strerror(errno));
  CHECK_AS(kBadInput, S_ISREG(status.st_mode), "{}: not a regular file", file.name_);
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return file;  // an empty mapping is an error

  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.value, 0);
  CHECK_AS(kBadInput, address != MAP_FAILED, "{}: cannot map {} bytes: {}", file.name_, size,
           std::strerror(errno));
  file.mapping_ = std::shared_ptr<const void>(
      address, [size](const void* begin) { ::munmap(const_cast<void*>(begin), size); });
  file.bytes_ = {static_cast<const std::byte*>(address), size};
  return file;
}

}  // namespace nestor
