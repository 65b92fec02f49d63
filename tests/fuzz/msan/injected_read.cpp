// Gives a fuzz target a file, first as it is and then as if its last half had never been written:
// MemorySanitizer must be silent about the first and end the program at the second.
//
//   NAME_injected_read FILE

#include <sanitizer/msan_interface.h>

#include <cstdint>
#include <cstdio>
#include <vector>

#include "tests/fuzz/msan/files_below.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  std::vector<std::uint8_t> input = nestor::fuzz::bytes_of(argv[1]);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  std::puts("silent about the file as it is");
  std::fflush(stdout);
  const std::size_t half = input.size() / 2;
  __msan_poison(input.data() + half, input.size() - half);
  LLVMFuzzerTestOneInput(input.data(), input.size());
  return 0;
}
