#pragma once
// Messages of the library while it works.

#include <cstdint>
#include <functional>
#include <string_view>

#include "nestor/export.h"

namespace nestor {

enum class LogLevel : std::uint8_t {
  kInfo,     // devices that were opened, plans that were made
  kWarning,  // something is not as the caller may think: a tuning file that was ignored
};

using LogFunction = std::function<void(LogLevel level, std::string_view message)>;

// Tells `log` from now on, in the thread that has something to say, several at once included. Its
// exceptions are swallowed. Empty, as in the beginning: nobody is told.
NESTOR_API void set_log(LogFunction log);

}  // namespace nestor
