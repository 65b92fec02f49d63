#include "library/c_calls.h"

#include "engine/check.h"
#include "library/last_error.h"

namespace nestor {

nestor_status to_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInternal: return NESTOR_INTERNAL;
    case ErrorCode::kUsage: return NESTOR_USAGE;
    case ErrorCode::kBadInput: return NESTOR_BAD_INPUT;
    case ErrorCode::kBadModel: return NESTOR_BAD_MODEL;
    case ErrorCode::kUnsupported: return NESTOR_UNSUPPORTED;
    case ErrorCode::kOutOfMemory: return NESTOR_OUT_OF_MEMORY;
    case ErrorCode::kDeviceLost: return NESTOR_DEVICE_LOST;
  }
  return NESTOR_INTERNAL;
}

nestor_status failure(nestor_status status, const char* message) noexcept {
  set_last_error(message);
  return status;
}

void need(bool given, const char* what) {
  CHECK_AS(kUsage, given, "{} must not be NULL or negative", what);
}

}  // namespace nestor
