// The runtime of -fsanitize=thread, for kernel files of race builds: the compiler calls these
// functions before each load and store, and here they check it. The real runtime is not linked.
#ifdef NESTOR_SIMT_RACE

#include <link.h>

#include <cstring>

#include "emulator/worker.h"

namespace {

using nestor::simt::current_block;
using nestor::simt::current_thread;
using nestor::simt::current_worker;

// Constants and other static data, of the program and of its libraries.
bool in_static_data(const void* address) {
  struct Range {
    std::uintptr_t begin, end;
  };
  static const std::vector<Range> ranges = [] {
    std::vector<Range> found;
    dl_iterate_phdr(
        [](dl_phdr_info* module, std::size_t, void* list) {
          for (int i = 0; i < module->dlpi_phnum; ++i) {
            const auto& segment = module->dlpi_phdr[i];
            if (segment.p_type != PT_LOAD) continue;
            const std::uintptr_t begin = module->dlpi_addr + segment.p_vaddr;
            static_cast<std::vector<Range>*>(list)->push_back({begin, begin + segment.p_memsz});
          }
          return 0;
        },
        &found);
    return found;
  }();
  const auto value = reinterpret_cast<std::uintptr_t>(address);
  for (const Range& range : ranges) {
    if (value >= range.begin && value < range.end) return true;
  }
  return false;
}

void access(const void* address, std::size_t num_bytes, bool write, const void* pc) {
  if (current_thread == nullptr || num_bytes == 0) return;  // code of the host
  if (address == &current_thread || address == &current_block) return;
  if (current_worker->owns(address)) return;
  if (!current_worker->knows(address) && in_static_data(address)) return;
  current_worker->observe_access(address, num_bytes, write, pc);
}

}  // namespace

#define PC __builtin_return_address(0)
#define ACCESS(size)                                                        \
  void __tsan_read##size(void* p) { access(p, size, false, PC); }           \
  void __tsan_write##size(void* p) { access(p, size, true, PC); }           \
  void __tsan_unaligned_read##size(void* p) { access(p, size, false, PC); } \
  void __tsan_unaligned_write##size(void* p) { access(p, size, true, PC); } \
  void __tsan_volatile_read##size(void* p) { access(p, size, false, PC); }  \
  void __tsan_volatile_write##size(void* p) { access(p, size, true, PC); }

extern "C" {
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
void __tsan_read_range(void* p, std::size_t num_bytes) { access(p, num_bytes, false, PC); }
void __tsan_write_range(void* p, std::size_t num_bytes) { access(p, num_bytes, true, PC); }
// What the compiler calls to copy structs: the build renames memcpy in kernel files to these.
void* __tsan_memcpy(void* to, const void* from, std::size_t num_bytes) {
  access(from, num_bytes, false, PC);
  access(to, num_bytes, true, PC);
  return std::memcpy(to, from, num_bytes);
}
void* __tsan_memmove(void* to, const void* from, std::size_t num_bytes) {
  access(from, num_bytes, false, PC);
  access(to, num_bytes, true, PC);
  return std::memmove(to, from, num_bytes);
}
void* __tsan_memset(void* to, int value, std::size_t num_bytes) {
  access(to, num_bytes, true, PC);
  return std::memset(to, value, num_bytes);
}
}

#endif
