#pragma once
// What a pickle may make: recalling a value costs it two bytes, so that little can ask for much.

#include <cstddef>

#include "engine/check.h"
#include "engine/checked.h"
#include "weights_convert/readers/byte_cursor.h"

namespace nestor {

// Of one pickle: the items of its containers, copies of them and its tensors, in proportion to the
// bytes read so far. Values are not part of it: each costs a byte, and there is a limit to their
// number.
class PickleBudget {
 public:
  // The cursor stands at the pickle's first byte and must outlive the budget.
  explicit PickleBudget(const ByteCursor& cursor) : cursor_(cursor), start_(cursor.position()) {}

  // Before the bytes are allocated. Throws kBadModel.
  void spend(std::size_t count, std::size_t item_bytes) {
    spent_ += CheckedSize(count) * item_bytes;
    const std::size_t limit = kSlackBytes + (cursor_.position() - start_) * kMostTimes;
    CHECK_AS(kBadModel, spent_.at_most(limit),
             "{}: the pickle's containers and tensors need more than {} times the bytes that make "
             "them",
             cursor_.file(), kMostTimes);
  }

 private:
  // State dicts need less than 4 times.
  static constexpr std::size_t kMostTimes = 16, kSlackBytes = 1 << 16;

  const ByteCursor& cursor_;
  std::size_t start_;
  CheckedSize spent_;
};

}  // namespace nestor
