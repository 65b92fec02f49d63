// All that begins like a zip archive, and with it the choice between formats.

#include "tests/fuzz/reading.h"
#include "weights_convert/readers/registry.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  for (const bool skip : {false, true}) {
    nestor::fuzz::read_and_walk(data, size, [skip](auto bytes, const std::string& file) {
      return nestor::read_source(bytes, file, {.skip_objects = skip});
    });
  }
  return 0;
}
