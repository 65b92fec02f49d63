#include "engine/layout.h"

namespace nestor {

std::string_view to_string(Layout layout) {
  switch (layout) {
    case Layout::kPlain: return "plain";
    case Layout::kNhwc: return "nhwc";
    case Layout::kNhwc8: return "nhwc8";
    case Layout::kNchw8c: return "nchw8c";
    case Layout::kNchw16c: return "nchw16c";
  }
  return "unknown";
}

}  // namespace nestor
