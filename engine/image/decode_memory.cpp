#include "nestor/decode_memory.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>

#include "engine/check.h"
#include "engine/memory_available.h"

namespace nestor {

namespace {

constexpr std::uint64_t kMostByDefault = std::uint64_t{2} << 30;

double megabytes(std::uint64_t bytes) { return static_cast<double>(bytes) / 1e6; }

}  // namespace

struct DecodeMemory::Half {
  std::mutex mutex;
  std::condition_variable given_back;
  std::uint64_t num_left;

  explicit Half(std::uint64_t bytes) : num_left(bytes) {}

  void give_back(std::uint64_t bytes) {
    {
      const std::lock_guard lock(mutex);
      num_left += bytes;
    }
    given_back.notify_all();
  }
};

DecodeMemory::DecodeMemory(std::uint64_t bytes)
    : bytes_(bytes),
      files_(std::make_shared<Half>(bytes / 2)),
      pictures_(std::make_shared<Half>(bytes / 2)) {}

DecodeMemory::Lease DecodeMemory::take(const std::shared_ptr<Half>& half,
                                       std::uint64_t bytes) const {
  // Made before the bytes are counted: it may throw.
  struct Taken {
    std::shared_ptr<Half> half;
    std::uint64_t bytes = 0;
    ~Taken() {
      if (bytes > 0) half->give_back(bytes);
    }
  };
  const auto taken = std::make_shared<Taken>();
  taken->half = half;
  std::unique_lock lock(half->mutex);
  half->given_back.wait(lock, [&] { return bytes <= half->num_left; });
  half->num_left -= bytes;
  taken->bytes = bytes;
  return taken;
}

DecodeMemory::Lease DecodeMemory::for_file(std::uint64_t bytes, const std::string& name) {
  CHECK_AS(kBadInput, bytes <= most_for_one(),
           "{}: a file of {:.1f} MB; {:.1f} MB are allowed: half of --decode-memory", name,
           megabytes(bytes), megabytes(most_for_one()));
  return take(files_, bytes);
}

DecodeMemory::Lease DecodeMemory::for_picture(std::uint64_t bytes, const std::string& name) {
  CHECK_AS(kBadInput, bytes <= most_for_one(),
           "{}: {:.1f} MB of memory are needed to decode it; {:.1f} MB are allowed: half of "
           "--decode-memory",
           name, megabytes(bytes), megabytes(most_for_one()));
  return take(pictures_, bytes);
}

std::uint64_t DecodeMemory::default_bytes() {
  static const std::uint64_t bytes =
      std::min(memory_available().value_or(kMostByDefault) / 2, kMostByDefault);
  return bytes;
}

const std::shared_ptr<DecodeMemory>& DecodeMemory::of_process() {
  static const auto memory = std::make_shared<DecodeMemory>();
  return memory;
}

}  // namespace nestor
