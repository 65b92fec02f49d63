// What a model file says of itself: the input is one entry of the metadata, by its first byte.

#include <cstdint>
#include <string>

#include "engine/printable_text.h"
#include "engine/utf8.h"
#include "engine/weights/file_kind.h"
#include "engine/weights/metadata.h"
#include "nestor/error.h"
#include "nestor/preprocess.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace nestor;
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] & 3) {
    case 0:
      try {
        const Preprocess read = preprocess_from_json(text, "input");
        if (preprocess_from_json(to_json(read), "written") != read) __builtin_trap();
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kBadModel) __builtin_trap();
        if (std::string_view(error.what()).size() > 2000) __builtin_trap();
      }
      break;
    case 1: metadata_labels({{"nestor.labels", text}}, 3); break;
    case 2:
      if (!is_utf8(printable(text)) || printable(text).find('\x1b') != std::string::npos) {
        __builtin_trap();
      }
      break;
    default: file_kind(std::as_bytes(std::span(text)));
  }
  return 0;
}
