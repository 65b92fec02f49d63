#pragma once
// Contexts that are switched between by hand (Boost.Context), known to AddressSanitizer.

#include <cstddef>

namespace nestor::simt {

class Fiber {
 public:
  using Entry = void (*)();  // never returns

  // The context of the operating system's thread that made it, until it is switched away from.
  Fiber() = default;
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Will start `entry` on that stack, `unused` bytes below its top. What ran there is forgotten.
  void start(char* stack, std::size_t stack_bytes, std::size_t unused, Entry entry);

  // From the running fiber to another one, of the same operating system's thread.
  static void switch_to(Fiber& from, Fiber& to);

 private:
  struct Access;

  void* context_ = nullptr;
  Entry entry_ = nullptr;
  // For AddressSanitizer.
  const void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  void* fake_stack_ = nullptr;
};

}  // namespace nestor::simt
