#pragma once
// The one exception type of the library. All failures are thrown as an Error whose code says whose
// fault it is. The commands exit with the number beside the code, and with 6 if some of several
// inputs failed.

#include <stdexcept>
#include <string>

#include "nestor/export.h"

namespace nestor {

enum class ErrorCode {
  kInternal,     // internal invariant violated, or a system call failed            (exit code 1)
  kUsage,        // an argument that makes no sense                               (exit code 2)
  kBadInput,     // an image or tensor given by the user                          (exit code 3)
  kBadModel,     // a weight file, or a graph that does not fit it                (exit code 4)
  kUnsupported,  // device, precision or operator that this machine does not have (exit code 5)
  kOutOfMemory,  //                                                               (exit code 5)
  kDeviceLost,   // the device failed; the session cannot be used any more        (exit code 5)
};

// The code's name as it appears in messages and in the C API: "bad_input", "out_of_memory", ...
NESTOR_API const char* to_string(ErrorCode code);

// The exit code of a command that ends with this error.
NESTOR_API int exit_code(ErrorCode code);

class NESTOR_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace nestor
