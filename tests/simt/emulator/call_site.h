#pragma once
// Where a device function was called: default arguments are evaluated at the call, so each knows
// the kernel's line. Plain loads and stores, which only the race build sees, know their address
// instead.

#include <string>

namespace nestor {

struct CallSite {
  const char* file = nullptr;
  int line = 0;
  const void* pc = nullptr;

  static constexpr CallSite here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) {
    return {file, line, nullptr};
  }

  friend constexpr bool operator==(const CallSite& a, const CallSite& b) {
    return a.line == b.line && a.file == b.file && a.pc == b.pc;
  }
  friend constexpr bool operator!=(const CallSite& a, const CallSite& b) { return !(a == b); }
};

namespace simt {

// "reduce.cu:34"; of an address what the debug information says, which takes a moment.
std::string to_string(const CallSite& site);

}  // namespace simt
}  // namespace nestor
