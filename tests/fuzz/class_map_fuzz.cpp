// PNGs whose levels are classes, which users bring along as labels and predictions.

#include <cstdint>
#include <span>

#include "apps/evaluation/class_map_file.h"
#include "nestor/error.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nestor;
  try {
    const IndexImage map = read_class_map(std::as_bytes(std::span(data, size)), "input");
    const auto pixels = static_cast<std::size_t>(map.width) * static_cast<std::size_t>(map.height);
    if (map.width < 1 || map.height < 1 || map.classes.size() != pixels) __builtin_trap();
    std::size_t classes = 0;  // reads all of them
    for (const std::uint8_t class_id : map.classes) classes += class_id;
    if (classes > 255 * pixels) __builtin_trap();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadInput) __builtin_trap();
  }
  return 0;
}
