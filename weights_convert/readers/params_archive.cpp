#include "weights_convert/readers/params_archive.h"

#include <algorithm>
#include <filesystem>

#include "engine/check.h"
#include "weights_convert/readers/params.h"

namespace nestor {

namespace {

bool is_params_entry(const ArchiveEntry& entry) { return entry.name.ends_with(".params"); }

}  // namespace

bool is_params_archive(std::span<const ArchiveEntry> entries) {
  return std::ranges::any_of(entries, is_params_entry);
}

SourceFile read_params_archive(std::span<const ArchiveEntry> entries, const std::string& file) {
  const auto num_params = std::ranges::count_if(entries, is_params_entry);
  CHECK_AS(kBadModel, num_params == 1, "{}: {} .params files in the archive, expected one", file,
           num_params);
  const ArchiveEntry& entry = *std::ranges::find_if(entries, is_params_entry);
  const std::string inner = fmt::format("{}/{}", file, entry.name);
  if (!entry.deflated) {
    check_stored(entry, file);
    return read_params(entry.data, inner);
  }
  const auto contents = std::make_shared<const std::vector<std::byte>>(inflate(entry, file));
  SourceFile source = read_params(*contents, inner);
  source.expanded = contents;
  return source;
}

}  // namespace nestor
