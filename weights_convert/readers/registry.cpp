#include "weights_convert/readers/registry.h"

#include <algorithm>

#include "engine/check.h"
#include "engine/printable_text.h"
#include "engine/weights/file_kind.h"
#include "weights_convert/readers/archive.h"
#include "weights_convert/readers/npy.h"
#include "weights_convert/readers/params.h"
#include "weights_convert/readers/params_archive.h"
#include "weights_convert/readers/safetensors.h"
#include "weights_convert/readers/torch.h"

namespace nestor {

namespace {

// What Finder and its like add to an archive.
bool is_litter(const ArchiveEntry& entry) {
  const std::string_view name = entry.name;
  const std::string_view last = name.substr(name.rfind('/') + 1);
  return name.starts_with("__MACOSX/") || last.starts_with("._") || last == ".DS_Store" ||
         last == "Thumbs.db" || last == "desktop.ini";
}

SourceFile read_any_archive(std::span<const std::byte> bytes, const std::string& file,
                            const ReadOptions& options) {
  std::vector<ArchiveEntry> entries = read_archive(bytes, file);
  std::erase_if(entries, is_litter);
  if (is_torch_archive(entries)) return read_torch_archive(entries, bytes, file, options);
  CHECK_AS(kBadModel, is_params_archive(entries),
           "{}: a zip archive of neither PyTorch (data.pkl) nor GluonCV (.params); it holds {}",
           file, entries.empty() ? "nothing" : quoted_name(entries.front().name));
  return read_params_archive(entries, file);
}

// The formats of a single pickle or array need no options.
template <SourceFile (*kRead)(std::span<const std::byte>, const std::string&)>
SourceFile read_plain(std::span<const std::byte> bytes, const std::string& file,
                      const ReadOptions&) {
  return kRead(bytes, file);
}

std::string describe_unknown(std::span<const std::byte> bytes) {
  const std::optional<FileKind> kind = file_kind(bytes);
  const std::string_view wanted = "expected a weight file (.params, .pth, .safetensors, .npy)";
  if (!kind) return fmt::format("a file of unknown kind, {}", wanted);
  return fmt::format("{}, {}{}{}", kind->name, wanted, kind->advice.empty() ? "" : "; ",
                     kind->advice);
}

}  // namespace

std::span<const SourceFormat> source_formats() {
  static constexpr SourceFormat kFormats[] = {
      // First: its length may begin like the magic number of any other format.
      {"safetensors", is_safetensors, read_plain<read_safetensors>},
      {"numpy", is_npy, read_plain<read_npy>},
      {"archive", is_archive, read_any_archive},
      {"mxnet", is_params, read_plain<read_params>},
      {"pytorch-legacy", is_torch_stream, read_torch_stream},
  };
  return kFormats;
}

SourceFile read_source(std::span<const std::byte> bytes, const std::string& file,
                       const ReadOptions& options) {
  for (const SourceFormat& format : source_formats()) {
    if (format.recognises(bytes)) return format.read(bytes, file, options);
  }
  fail(ErrorCode::kBadModel, "{}: {}", file, describe_unknown(bytes));
}

OpenedSource open_source(const std::filesystem::path& path, const ReadOptions& options) {
  MappedFile input = MappedFile::open(path);
  SourceFile content = read_source(input.bytes(), input.name(), options);
  return {std::move(input), std::move(content)};
}

}  // namespace nestor
