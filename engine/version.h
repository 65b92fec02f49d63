#pragma once
// What this build is.
// A public header: standard library only.

#include <string>

namespace nestor {

struct VersionInfo {
  std::string version;   // "0.1.0"
  std::string commit;    // "unknown" outside a git checkout
  std::string compiler;  // "GNU 12.2.0"
  std::string onednn;    // of the library that is loaded
};

VersionInfo version_info();

}  // namespace nestor
