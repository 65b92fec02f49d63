#include "emulator/call_site.h"

#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <memory>

namespace nestor::simt {
namespace {

std::string base_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// Asks binutils, which every machine with the compiler has.
std::string source_line(const void* pc) {
  Dl_info module;
  if (pc == nullptr || dladdr(pc, &module) == 0) return "an unknown place";
  // The return address is behind the call; a byte before it is within.
  const auto offset =
      reinterpret_cast<std::uintptr_t>(pc) - reinterpret_cast<std::uintptr_t>(module.dli_fbase) - 1;
  char command[4096];
  std::snprintf(command, sizeof command, "addr2line -e '%s' 0x%zx 2>/dev/null", module.dli_fname,
                static_cast<std::size_t>(offset));
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command, "r"), pclose);
  char line[4096];
  if (pipe == nullptr || std::fgets(line, sizeof line, pipe.get()) == nullptr || line[0] == '?') {
    std::snprintf(line, sizeof line, "%s+0x%zx", module.dli_fname,
                  static_cast<std::size_t>(offset));
  }
  const std::string text = line;
  return base_name(text.substr(0, text.find_first_of("\n ")));
}

}  // namespace

std::string to_string(const CallSite& site) {
  if (site.file == nullptr) return source_line(site.pc);
  return base_name(site.file) + ":" + std::to_string(site.line);
}

}  // namespace nestor::simt
