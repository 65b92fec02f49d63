#include "apps/common/distinct_files.h"

#include <filesystem>

#include "engine/check.h"

namespace nestor {

void require_distinct(const std::string& flag, const std::string& output,
                      std::span<const std::string> inputs) {
  std::error_code unknown;
  if (output.empty() || std::filesystem::is_character_file(output, unknown)) return;
  for (const std::string& input : inputs) {
    std::error_code error;
    const bool same = input == output || std::filesystem::equivalent(input, output, error);
    CHECK_AS(kUsage, !same, "{} {} is also read by this command ({})", flag, output, input);
  }
}

}  // namespace nestor
