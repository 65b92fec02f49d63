// Functions of this program come before those of the shared libraries, for libnestor and oneDNN
// too. What is replaced passes everything on to glibc's allocator and to oneDNN.

#include "tests/support/allocations.h"

#include <dlfcn.h>
#include <oneapi/dnnl/dnnl.h>

#include <atomic>
#include <cerrno>
#include <cstddef>

namespace nestor::test {

namespace {

std::atomic<bool> counting{false};
std::atomic<int> inside_onednn{0};
std::atomic<std::int64_t> ours{0}, onednn{0}, onednn_freed{0}, our_bytes{0};

std::atomic<std::int64_t> first_failing{0}, allocations{0};  // 0: none fails
std::atomic<bool> only_one{false};
std::atomic<AtFailure> at_failure{nullptr};

// Whether the allocation shall fail.
bool fails() {
  if (first_failing == 0) return false;
  const std::int64_t number = ++allocations;
  if (number < first_failing || (only_one && number > first_failing)) return false;
  const AtFailure call = at_failure;
  if (number == first_failing && call != nullptr) call();
  errno = ENOMEM;
  return true;
}

// False: the allocation shall fail.
[[maybe_unused]] bool count_allocation(std::size_t bytes) {
  if (fails()) return false;
  if (!counting) return true;
  ++(inside_onednn > 0 ? onednn : ours);
  if (inside_onednn == 0) our_bytes += static_cast<std::int64_t>(bytes);
  return true;
}

[[maybe_unused]] void count_free() {
  if (counting && inside_onednn > 0) ++onednn_freed;
}

}  // namespace

bool counts_allocations() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return false;
#else
  return true;
#endif
}

AllocationCounter::AllocationCounter() {
  ours = onednn = onednn_freed = our_bytes = 0;
  counting = true;
}

AllocationCounter::~AllocationCounter() { counting = false; }

Allocations AllocationCounter::counts() const { return {ours, onednn, onednn_freed, our_bytes}; }

FailingAllocations::FailingAllocations(std::int64_t nth, bool only) {
  allocations = 0;
  only_one = only;
  first_failing = nth;
}

FailingAllocations::~FailingAllocations() { first_failing = 0; }

std::int64_t FailingAllocations::count() const { return allocations; }

void at_first_failure(AtFailure call) { at_failure = call; }

}  // namespace nestor::test

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

extern "C" {

void* __libc_malloc(std::size_t bytes);
void* __libc_calloc(std::size_t count, std::size_t bytes);
void* __libc_realloc(void* block, std::size_t bytes);
void* __libc_memalign(std::size_t alignment, std::size_t bytes);
void __libc_free(void* block);

void* malloc(std::size_t bytes) noexcept {
  return nestor::test::count_allocation(bytes) ? __libc_malloc(bytes) : nullptr;
}

void* calloc(std::size_t count, std::size_t bytes) noexcept {
  return nestor::test::count_allocation(count * bytes) ? __libc_calloc(count, bytes) : nullptr;
}

void* realloc(void* block, std::size_t bytes) noexcept {
  if (!nestor::test::count_allocation(bytes)) return nullptr;
  if (block != nullptr) nestor::test::count_free();
  return __libc_realloc(block, bytes);
}

void* memalign(std::size_t alignment, std::size_t bytes) noexcept {
  return nestor::test::count_allocation(bytes) ? __libc_memalign(alignment, bytes) : nullptr;
}

void* aligned_alloc(std::size_t alignment, std::size_t bytes) noexcept {
  return memalign(alignment, bytes);
}

int posix_memalign(void** block, std::size_t alignment, std::size_t bytes) noexcept {
  *block = memalign(alignment, bytes);
  return *block == nullptr ? ENOMEM : 0;
}

void free(void* block) noexcept {
  if (block != nullptr) nestor::test::count_free();
  __libc_free(block);
}

dnnl_status_t DNNL_API dnnl_primitive_execute(const_dnnl_primitive_t primitive,
                                              dnnl_stream_t stream, int num_arguments,
                                              const dnnl_exec_arg_t* arguments) {
  using Execute =
      dnnl_status_t (*)(const_dnnl_primitive_t, dnnl_stream_t, int, const dnnl_exec_arg_t*);
  static const auto execute = reinterpret_cast<Execute>(dlsym(RTLD_NEXT, "dnnl_primitive_execute"));
  ++nestor::test::inside_onednn;
  const dnnl_status_t status = execute(primitive, stream, num_arguments, arguments);
  --nestor::test::inside_onednn;
  return status;
}

}  // extern "C"

#endif
