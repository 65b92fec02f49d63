#include "tests/fuzz/reading.h"
#include "weights_convert/readers/torch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  nestor::fuzz::read_and_walk(data, size, nestor::read_torch_stream);
  return 0;
}
