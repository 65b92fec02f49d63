#pragma once
// What each call of the C interface does: C++ exceptions become statuses and messages.

#include <new>
#include <type_traits>

#include "nestor/error.h"
#include "nestor/nestor_c.h"

namespace nestor {

nestor_status to_status(ErrorCode code);

// The status, whose message becomes this thread's last one.
nestor_status failure(nestor_status status, const char* message) noexcept;

// Throws kUsage unless the argument was given.
void need(bool given, const char* what);

// Runs `work`, which may return a status; whatever it throws becomes a status and a message.
template <class Work>
nestor_status guarded(const Work& work) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(work())>) {
      work();
      return NESTOR_OK;
    } else {
      return work();
    }
  } catch (const Error& error) {
    return failure(to_status(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return failure(NESTOR_OUT_OF_MEMORY, "out of memory");
  } catch (const std::exception& error) {
    return failure(NESTOR_INTERNAL, error.what());
  } catch (...) {
    return failure(NESTOR_INTERNAL, "unknown exception");
  }
}

}  // namespace nestor
