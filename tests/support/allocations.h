#pragma once
// Counts what the program allocates, apart from what happens inside oneDNN's primitives, or lets it
// fail: malloc and its kin and dnnl_primitive_execute are replaced in the test program
// (allocations.cpp).

#include <cstdint>

namespace nestor::test {

// False under sanitizers, which bring their own malloc.
bool counts_allocations();

struct Allocations {
  std::int64_t ours = 0;          // blocks allocated outside oneDNN's primitives
  std::int64_t onednn = 0;        // blocks allocated while one ran
  std::int64_t onednn_freed = 0;  // blocks freed while one ran
  std::int64_t our_bytes = 0;     // sizes of our blocks added up, whether or not freed meanwhile
};

// Counts the whole program's allocations, in all threads, while it lives. One at a time, and
// oneDNN run by one thread of ours at a time.
class AllocationCounter {
 public:
  AllocationCounter();
  ~AllocationCounter();
  AllocationCounter(const AllocationCounter&) = delete;
  AllocationCounter& operator=(const AllocationCounter&) = delete;

  Allocations counts() const;
};

// Lets the program's allocations fail, in all threads, while it lives: the nth from now on, and
// those after it too unless it is `only` that one. One at a time.
class FailingAllocations {
 public:
  explicit FailingAllocations(std::int64_t nth, bool only = false);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;

  // Allocations so far, failed ones included.
  std::int64_t count() const;
};

// Called when the first allocation fails; may not allocate. Null: nothing is called.
using AtFailure = void (*)();
void at_first_failure(AtFailure call);

}  // namespace nestor::test
