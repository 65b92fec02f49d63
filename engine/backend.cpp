#include "engine/backend.h"

#include "engine/check.h"

namespace nestor {

// Contexts without streams compute in submit().
void ExecutionContext::submit(std::size_t, const BoundSteps& bound, const void* src) {
  upload(bound.input, src, bound.input_bytes);
  run(bound.steps, bound.recording);
  download(bound.outputs);
}

const void* ExecutionContext::collect(std::size_t) { return nullptr; }

void ExecutionContext::enqueue(const BoundSteps&, const void*, std::span<void* const>, void*) {
  fail(ErrorCode::kUnsupported, "this device has no streams and no memory of its own");
}

}  // namespace nestor
