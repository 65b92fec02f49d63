#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <tuple>

#include "engine/check.h"
#include "engine/weights/safetensors_header.h"
#include "engine/weights/weight_file.h"

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

WeightFileWriter::WeightFileWriter(const std::filesystem::path& path, std::vector<Entry> entries,
                                   std::map<std::string, std::string, std::less<>> metadata)
    : path_(path), entries_(std::move(entries)) {
  std::ranges::sort(entries_, [](const Entry& a, const Entry& b) {
    return std::tuple(size_bytes(b.dtype), std::string_view(a.name)) <
           std::tuple(size_bytes(a.dtype), std::string_view(b.name));
  });
  std::vector<SafetensorsTensor> tensors;
  for (const Entry& entry : entries_) {
    CHECK(tensors.empty() || tensors.back().name != entry.name, "{}: tensor {:?} is given twice",
          path_.string(), entry.name);
    tensors.push_back({entry.name, entry.dtype, &entry.shape});
  }
  const std::string header = format_safetensors_header(tensors, metadata);

  create_temporary();
  try {
    write_bytes(std::as_bytes(std::span(header)));
  } catch (...) {
    ::close(descriptor_);
    ::unlink(temporary_.c_str());
    throw;
  }
}

WeightFileWriter::~WeightFileWriter() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void WeightFileWriter::create_temporary() {
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

void WeightFileWriter::write_bytes(std::span<const std::byte> data) {
  while (!data.empty()) {
    const ssize_t written = ::write(descriptor_, data.data(), data.size());
    if (written < 0 && errno == EINTR) continue;
    CHECK(written >= 0, "{}: cannot write: {}", path_.string(), std::strerror(errno));
    data = data.subspan(static_cast<std::size_t>(written));
  }
}

void WeightFileWriter::write(std::span<const std::byte> data) {
  CHECK(next_entry_idx_ < entries_.size(), "{}: more tensors are written than were announced",
        path_.string());
  const Entry& entry = entries_[next_entry_idx_];
  const std::size_t need_bytes =
      static_cast<std::size_t>(entry.shape.num_elements()) * size_bytes(entry.dtype);
  CHECK(data.size() == need_bytes, "{}: tensor {:?} has {} bytes, expected {}", path_.string(),
        entry.name, data.size(), need_bytes);
  write_bytes(data);
  ++next_entry_idx_;
}

void WeightFileWriter::finish() {
  CHECK(next_entry_idx_ == entries_.size(), "{}: {} of {} tensors are written", path_.string(),
        next_entry_idx_, entries_.size());
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
