// Makes MemorySanitizer right about memory that libraries write: libjpeg, libpng, libwebp, zlib and
// libstdc++ are not compiled with it, so that whatever they write would count as uninitialised.
//
// What they allocate counts as initialised from the start, and what our own code allocates does not:
// the linker leads our calls, and only those, to the functions here (--wrap in CMakeLists.txt).

#include <bits/stl_tree.h>
#include <sanitizer/msan_interface.h>

#include <cstddef>
#include <new>
#include <sstream>

// The sanitizer calls both whenever memory is taken or given back, by whomever.
extern "C" void __sanitizer_malloc_hook(const volatile void* memory, std::size_t bytes) {
  __msan_unpoison(memory, bytes);
}
extern "C" void __sanitizer_free_hook(const volatile void*) {}

namespace {

void* poisoned(void* memory, std::size_t bytes) {
  if (memory != nullptr) __msan_poison(memory, bytes);
  return memory;
}

}  // namespace

extern "C" {

// operator new, and the same of arrays and without exceptions; over-aligned types are not used.
void* __real__Znwm(std::size_t);
void* __real__Znam(std::size_t);
void* __real__ZnwmRKSt9nothrow_t(std::size_t, const std::nothrow_t&);

void* __wrap__Znwm(std::size_t bytes) { return poisoned(__real__Znwm(bytes), bytes); }
void* __wrap__Znam(std::size_t bytes) { return poisoned(__real__Znam(bytes), bytes); }
void* __wrap__ZnwmRKSt9nothrow_t(std::size_t bytes, const std::nothrow_t& tag) {
  return poisoned(__real__ZnwmRKSt9nothrow_t(bytes, tag), bytes);
}

// The one function of std::map and std::set that is not in a header. It fills the new node's links.
void __real__ZSt29_Rb_tree_insert_and_rebalancebPSt18_Rb_tree_node_baseS0_RS_(
    bool, std::_Rb_tree_node_base*, std::_Rb_tree_node_base*, std::_Rb_tree_node_base&);
void __wrap__ZSt29_Rb_tree_insert_and_rebalancebPSt18_Rb_tree_node_baseS0_RS_(
    bool left, std::_Rb_tree_node_base* node, std::_Rb_tree_node_base* parent,
    std::_Rb_tree_node_base& header) {
  __msan_unpoison(node, sizeof *node);
  __real__ZSt29_Rb_tree_insert_and_rebalancebPSt18_Rb_tree_node_baseS0_RS_(left, node, parent,
                                                                           header);
}

// A stream over a text of ours, which keeps what it is known to hold; the stream itself is filled in.
void __real__ZNSt7__cxx1119basic_istringstreamIcSt11char_traitsIcESaIcEEC1EONS_12basic_stringIcS2_S3_EESt13_Ios_Openmode(
    std::istringstream*, std::string*, std::ios_base::openmode);
void __wrap__ZNSt7__cxx1119basic_istringstreamIcSt11char_traitsIcESaIcEEC1EONS_12basic_stringIcS2_S3_EESt13_Ios_Openmode(
    std::istringstream* stream, std::string* text, std::ios_base::openmode mode) {
  __real__ZNSt7__cxx1119basic_istringstreamIcSt11char_traitsIcESaIcEEC1EONS_12basic_stringIcS2_S3_EESt13_Ios_Openmode(
      stream, text, mode);
  __msan_unpoison(stream, sizeof *stream);
}
}
