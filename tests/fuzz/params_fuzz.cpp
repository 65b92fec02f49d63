#include "tests/fuzz/reading.h"
#include "weights_convert/readers/params.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nestor::fuzz::read_and_walk(data, size, nestor::read_params);
  return 0;
}
