#pragma once
// One process at a time.

#include <filesystem>
#include <functional>

namespace nestor {

// Holds an exclusive lock (flock) on a file, which is made if need be and stays: to remove it
// would let two processes hold two files of one name. The system frees the lock of a killed
// process.
class FileLock {
 public:
  // Calls `waiting` once if another process has the lock, then waits for it. Throws kInternal
  // if the file cannot be made.
  FileLock(const std::filesystem::path& path, const std::function<void()>& waiting);
  ~FileLock();
  FileLock(FileLock&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace nestor
