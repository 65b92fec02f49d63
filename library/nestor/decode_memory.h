#pragma once
// How much memory the decoders of a process may use together.

#include <cstdint>
#include <memory>
#include <string>

#include "nestor/export.h"

namespace nestor {

// A budget of bytes, half of it for files as they are read and half for pictures as they are
// decoded. Who needs more than is left waits until others have given theirs back; who needs more
// than the half will ever have gets an error. A file is always taken before its picture, and who
// has a picture waits for nothing more, so that there is always someone who goes on. Thread-safe.
class NESTOR_API DecodeMemory {
 public:
  // Held while the bytes are in use. It may outlive the budget.
  using Lease = std::shared_ptr<const void>;

  explicit DecodeMemory(std::uint64_t bytes = default_bytes());

  std::uint64_t bytes() const { return bytes_; }
  std::uint64_t most_for_one() const { return bytes_ / 2; }

  // Throw kBadInput, naming `name`, for more than most_for_one().
  Lease for_file(std::uint64_t bytes, const std::string& name);
  Lease for_picture(std::uint64_t bytes, const std::string& name);

  // Half of the memory that was available when it was first asked for, at most 2 GiB.
  static std::uint64_t default_bytes();

  // The one that decoders use who are given none.
  static const std::shared_ptr<DecodeMemory>& of_process();

 private:
  struct Half;
  Lease take(const std::shared_ptr<Half>& half, std::uint64_t bytes) const;

  std::uint64_t bytes_;
  std::shared_ptr<Half> files_, pictures_;
};

}  // namespace nestor
