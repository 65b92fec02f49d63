#include "nestor/version.h"

#include "engine/backend.h"

namespace nestor {

VersionInfo version_info() {
  const std::string commit = NESTOR_COMMIT;
  return {.version = NESTOR_VERSION,
          .commit = commit.empty() ? "unknown" : commit,
          .compiler = NESTOR_COMPILER,
          .onednn = onednn_version()};
}

}  // namespace nestor
