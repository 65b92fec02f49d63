#include "weights_convert/readers/registry.h"

#include <algorithm>

#include "engine/check.h"
#include "weights_convert/readers/archive.h"
#include "weights_convert/readers/npy.h"
#include "weights_convert/readers/params.h"
#include "weights_convert/readers/params_archive.h"
#include "weights_convert/readers/safetensors.h"
#include "weights_convert/readers/torch.h"

namespace nestor {

namespace {

SourceFile read_any_archive(std::span<const std::byte> bytes, const std::string& file) {
  const std::vector<ArchiveEntry> entries = read_archive(bytes, file);
  if (is_torch_archive(entries)) return read_torch_archive(entries, bytes, file);
  CHECK_AS(kBadModel, is_params_archive(entries),
           "{}: an archive of neither PyTorch (data.pkl) nor GluonCV (.params)", file);
  return read_params_archive(entries, file);
}

bool starts_with(std::span<const std::byte> bytes, std::size_t offset, std::string_view magic) {
  return bytes.size() >= offset + magic.size() &&
         std::ranges::equal(bytes.subspan(offset, magic.size()), std::as_bytes(std::span(magic)));
}

// Known forms that nobody writes any more deserve a better message than "unknown".
std::string_view describe_unknown(std::span<const std::byte> bytes) {
  if (bytes.empty()) return "the file is empty";
  if (starts_with(bytes, 257, "ustar")) return "a tar archive, as PyTorch wrote before 0.1.10";
  if (starts_with(bytes, 0, "PYTORCH1")) return "an archive of PyTorch's 1.0 preview";
  return "not a weight file of a known format (.params, .pth, .safetensors, .npy)";
}

}  // namespace

std::span<const SourceFormat> source_formats() {
  static constexpr SourceFormat kFormats[] = {
      {"numpy", is_npy, read_npy},
      {"archive", is_archive, read_any_archive},
      {"mxnet", is_params, read_params},
      {"pytorch-legacy", is_torch_stream, read_torch_stream},
      {"safetensors", is_safetensors, read_safetensors},
  };
  return kFormats;
}

SourceFile read_source(std::span<const std::byte> bytes, const std::string& file) {
  for (const SourceFormat& format : source_formats()) {
    if (format.recognises(bytes)) return format.read(bytes, file);
  }
  fail(ErrorCode::kBadModel, "{}: {}", file, describe_unknown(bytes));
}

OpenedSource open_source(const std::filesystem::path& path) {
  MappedFile input = MappedFile::open(path);
  SourceFile content = read_source(input.bytes(), input.name());
  return {std::move(input), std::move(content)};
}

}  // namespace nestor
