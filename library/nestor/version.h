#pragma once
// Version, commit and compiler of this build.

#include <string>

#include "nestor/export.h"

namespace nestor {

struct NESTOR_API VersionInfo {
  std::string version;   // "0.1.0"
  std::string commit;    // "unknown" outside a git checkout
  std::string compiler;  // "GNU 12.2.0"
  std::string onednn;    // of the library that is loaded
};

NESTOR_API VersionInfo version_info();

}  // namespace nestor
