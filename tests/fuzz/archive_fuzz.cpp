// All that begins like a zip archive, and with it the choice between formats.

#include "tests/fuzz/reading.h"
#include "weights_convert/readers/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nestor::fuzz::read_and_walk(data, size, nestor::read_source);
  return 0;
}
