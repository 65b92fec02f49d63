#include "library/last_error.h"

#include <pthread.h>

#include <cstdlib>
#include <cstring>

namespace nestor {

namespace {

// Not thread_local: glibc ends the process if it finds no memory to register a destructor, or
// for the first use of a library's thread-local memory in a thread.
struct Key {
  pthread_key_t key{};
  bool made = pthread_key_create(&key, std::free) == 0;
};
const Key kept;

}  // namespace

void set_last_error(const char* message) noexcept {
  if (!kept.made) return;
  std::free(pthread_getspecific(kept.key));
  const std::size_t bytes = std::strlen(message) + 1;
  void* const copy = std::malloc(bytes);
  if (copy != nullptr) std::memcpy(copy, message, bytes);
  if (pthread_setspecific(kept.key, copy) != 0) std::free(copy);  // only if there was none
}

const char* last_error() noexcept {
  const void* const message = kept.made ? pthread_getspecific(kept.key) : nullptr;
  return message == nullptr ? "" : static_cast<const char*>(message);
}

}  // namespace nestor
