#pragma once
// The check that what a reader gives was written by somebody: MemorySanitizer by itself speaks up
// only when a decision depends on such a value, and pixels and weights are just handed on.

#include <cstddef>

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#include <sanitizer/msan_interface.h>
#define NESTOR_MSAN
#endif
#endif

namespace nestor::fuzz {

// Ends the program if a byte was never written; nothing in builds without MemorySanitizer.
inline void check_written([[maybe_unused]] const void* bytes, [[maybe_unused]] std::size_t count) {
#ifdef NESTOR_MSAN
  __msan_check_mem_is_initialized(bytes, count);
#endif
}

}  // namespace nestor::fuzz
