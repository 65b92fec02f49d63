#include <cstdint>
#include <string>

#include "engine/plan/tuning.h"

// What is accepted can be written and is then read as the same; nothing but a TuningError comes out
// of the rest.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const nestor::TuningFile file = nestor::parse_tuning(text, "input");
    const std::string written = nestor::to_json(file);
    if (nestor::to_json(nestor::parse_tuning(written, "written")) != written) __builtin_trap();
  } catch (const nestor::TuningError&) {
  }
  return 0;
}
