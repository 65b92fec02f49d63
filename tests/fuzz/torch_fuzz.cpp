#include "tests/fuzz/reading.h"
#include "weights_convert/readers/torch.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const bool skip : {false, true}) {
    nestor::fuzz::read_and_walk(data, size, [skip](auto bytes, const std::string& file) {
      return nestor::read_torch_stream(bytes, file, {.skip_objects = skip});
    });
  }
  return 0;
}
