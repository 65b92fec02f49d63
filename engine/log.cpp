#include "engine/log.h"

#include <memory>
#include <mutex>

namespace nestor {

namespace {

struct Listener {
  std::mutex mutex;
  std::shared_ptr<const LogFunction> log;
};

// Never destroyed: other objects may have something to say while the program ends.
Listener& listener() {
  static auto* const made = new Listener;
  return *made;
}

// Kept alive by the caller while it is called, outside of the lock.
std::shared_ptr<const LogFunction> current_log() {
  const std::lock_guard lock(listener().mutex);
  return listener().log;
}

}  // namespace

void set_log(LogFunction log) {
  auto next = log ? std::make_shared<const LogFunction>(std::move(log)) : nullptr;
  const std::lock_guard lock(listener().mutex);
  listener().log.swap(next);
}

bool has_log() { return current_log() != nullptr; }

void send_to_log(LogLevel level, std::string_view message) noexcept {
  try {
    if (const auto log = current_log()) (*log)(level, message);
  } catch (...) {  // whatever the listener does wrong is not the library's failure
  }
}

}  // namespace nestor
