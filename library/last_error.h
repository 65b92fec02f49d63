#pragma once
// The message of this thread's last failed call of the C API.

namespace nestor {

// Without memory for the message there is none: never an exception, never the end of the process.
void set_last_error(const char* message) noexcept;

// Empty if no call has failed.
const char* last_error() noexcept;

}  // namespace nestor
