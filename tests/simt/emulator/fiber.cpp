#include "emulator/fiber.h"

#include <boost/context/detail/fcontext.hpp>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace nestor::simt {
namespace {

namespace context = boost::context::detail;

// The fiber that is being switched to: a fiber that starts learns from it who it is.
__thread Fiber* arriving = nullptr;

}  // namespace

struct Fiber::Access {
  static void leave([[maybe_unused]] Fiber& from, [[maybe_unused]] const Fiber& to) {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&from.fake_stack_, to.stack_, to.stack_bytes_);
#endif
  }

  static void arrive([[maybe_unused]] Fiber& here, Fiber& previous, void* its_context) {
    previous.context_ = its_context;
#if defined(__SANITIZE_ADDRESS__)
    const void* stack = nullptr;
    std::size_t stack_bytes = 0;
    __sanitizer_finish_switch_fiber(here.fake_stack_, &stack, &stack_bytes);
    previous.stack_ = stack;
    previous.stack_bytes_ = stack_bytes;
#endif
  }

  static void begin(context::transfer_t transfer) {
    Fiber& here = *arriving;
    arrive(here, *static_cast<Fiber*>(transfer.data), transfer.fctx);
    here.entry_();
  }
};

void Fiber::start(char* stack, std::size_t stack_bytes, std::size_t unused, Entry entry) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack, stack_bytes);
#endif
  stack_ = stack;
  stack_bytes_ = stack_bytes;
  fake_stack_ = nullptr;
  entry_ = entry;
  context_ =
      context::make_fcontext(stack + stack_bytes - unused, stack_bytes - unused, Access::begin);
}

void Fiber::switch_to(Fiber& from, Fiber& to) {
  Access::leave(from, to);
  arriving = &to;
  const context::transfer_t transfer = context::jump_fcontext(to.context_, &from);
  Access::arrive(from, *static_cast<Fiber*>(transfer.data), transfer.fctx);
}

}  // namespace nestor::simt
