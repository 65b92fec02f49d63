#pragma once
// Messages for the function that set_log was given.

#include <fmt/format.h>

#include <utility>

#include "nestor/log.h"

namespace nestor {

bool has_log();
void send_to_log(LogLevel level, std::string_view message) noexcept;

// Formats only if somebody listens. Never throws: a message is no reason to fail.
template <class... Args>
void log(LogLevel level, fmt::format_string<Args...> format, Args&&... args) noexcept {
  try {
    if (has_log()) send_to_log(level, fmt::format(format, std::forward<Args>(args)...));
  } catch (...) {  // no memory for the message
  }
}

}  // namespace nestor
