#include "engine/weights/file_kind.h"

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <string>

namespace nestor {

namespace {

using namespace std::string_view_literals;

constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // of a safetensors file
constexpr std::size_t kLookedAt = 1024;

constexpr std::string_view kServerPage =
    "a server's answer instead of the file, perhaps: download it again";

struct Magic {
  std::size_t offset;
  std::string_view bytes;
  FileKind kind;
};

constexpr Magic kMagics[] = {
    {0,
     "\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19\x2E"sv,
     {"a PyTorch file (a legacy stream of torch.save)", true}},
    {0, "\x12\x01\0\0\0\0\0\0"sv, {"an MXNet parameter file (.params)", true}},
    {0, "\x93NUMPY"sv, {"a NumPy array (.npy)"}},
    {0, "PYTORCH1"sv, {"an archive of PyTorch's 1.0 preview"}},
    {257, "ustar"sv, {"a tar archive, as PyTorch wrote before 0.1.10"}},
    {0,
     "version https://git-lfs."sv,
     {"a pointer of Git LFS instead of the file", false, "`git lfs pull` fetches the file"}},
    {0, "\x89HDF\r\n\x1A\n"sv, {"an HDF5 file (Keras, perhaps)"}},
    {0, "GGUF"sv, {"a GGUF file (llama.cpp)"}},
    {4, "TFL3"sv, {"a TensorFlow Lite model"}},
    {0, "ftrt"sv, {"a TensorRT engine"}},
    {4, "ftrt"sv, {"a TensorRT engine"}},
    {0, "\xFF\xD8\xFF"sv, {"a JPEG picture"}},
    {0, "\x89PNG\r\n\x1A\n"sv, {"a PNG picture"}},
    {0, "GIF87a"sv, {"a GIF picture"}},
    {0, "GIF89a"sv, {"a GIF picture"}},
    {0, "II*\0"sv, {"a TIFF picture"}},
    {0, "MM\0*"sv, {"a TIFF picture"}},
    {8, "WEBP"sv, {"a WebP picture"}},
    {4, "ftyp"sv, {"a HEIF or AVIF picture, or a film"}},
    {0, "%PDF-"sv, {"a PDF document"}},
    {0, "\x1F\x8B"sv, {"a gzip file", false, "unpack it first"}},
    {0, "BZh"sv, {"a bzip2 file", false, "unpack it first"}},
    {0,
     "\xFD"
     "7zXZ\0"sv,
     {"an xz file", false, "unpack it first"}},
    {0, "\x28\xB5\x2F\xFD"sv, {"a Zstandard file", false, "unpack it first"}},
    {0, "7z\xBC\xAF\x27\x1C"sv, {"a 7-Zip archive", false, "unpack it first"}},
    {0, "Rar!\x1A\x07"sv, {"a RAR archive", false, "unpack it first"}},
    {0,
     "\x7F"
     "ELF"sv,
     {"a program or library (ELF)"}},
    {0, "MZ"sv, {"a Windows program"}},
    {0, "SQLite format 3\0"sv, {"an SQLite database"}},
    {0, "#!"sv, {"a script"}},
};

std::uint64_t little_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) {
    value = value << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  }
  return value;
}

// A zip archive's first entry tells whose it is; its name stands 30 bytes into the file.
FileKind archive_kind(std::string_view start) {
  const auto at = [start](std::size_t i) {
    return i < start.size() ? static_cast<unsigned char>(start[i]) : 0u;
  };
  const std::string_view name =
      start.substr(std::min<std::size_t>(30, start.size())).substr(0, at(26) + 256 * at(27));
  for (const std::string_view part : {"data.pkl"sv, "/version"sv, "/.data/"sv, "/byteorder"sv,
                                      "/.format_version"sv, "/.storage_alignment"sv}) {
    if (name.find(part) != std::string_view::npos) return {"a PyTorch file", true};
  }
  if (name.ends_with(".params")) return {"a GluonCV archive of an MXNet parameter file", true};
  if (name.ends_with(".npy")) return {"a NumPy archive (.npz)"};
  return {"a zip archive"};
}

// ModelProto: field 1 is a small ir_version; of the others the producer, the model's version, its
// graph or an import of operators comes next.
bool is_onnx(std::string_view start) {
  return start.size() > 4 && start[0] == '\x08' && start[1] >= 1 && start[1] <= 20 &&
         "\x12\x1A\x22\x28\x32\x3A\x42"sv.find(start[2]) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

bool is_text(std::string_view start) {
  return std::ranges::none_of(start, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == 0x7F || (byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t');
  });
}

FileKind text_kind(std::string_view start) {
  if (start.starts_with("\xEF\xBB\xBF")) start.remove_prefix(3);
  start.remove_prefix(std::min(start.find_first_not_of(" \t\r\n"), start.size()));
  const std::string text = lower(start);
  const bool html = text.starts_with("<!doctype html") || text.starts_with("<html") ||
                    text.starts_with("<head") || text.starts_with("<body");
  if (html || (text.starts_with("<") && text.find("<html") != std::string::npos)) {
    return {"an HTML page", false, kServerPage};
  }
  if (text.starts_with("<")) return {"an XML document", false, kServerPage};
  if (text.starts_with("{") || text.starts_with("[")) return {"a JSON text", false, kServerPage};
  return {"a text file"};
}

}  // namespace

bool looks_like_safetensors(std::span<const std::byte> bytes) {
  return bytes.size() > 8 && bytes[8] == std::byte{'{'} &&
         little_endian(bytes.first(8)) <= kMostHeaderBytes;
}

std::optional<FileKind> file_kind(std::span<const std::byte> bytes) {
  if (bytes.empty()) return FileKind{"an empty file"};
  const std::string_view start(reinterpret_cast<const char*>(bytes.data()),
                               std::min(bytes.size(), kLookedAt));
  if (looks_like_safetensors(bytes)) return FileKind{"a safetensors file", true};
  if (start.starts_with("PK\x03\x04") || start.starts_with("PK\x05\x06")) {
    return archive_kind(start);
  }
  for (const Magic& magic : kMagics) {
    if (start.size() >= magic.offset && start.substr(magic.offset).starts_with(magic.bytes)) {
      return magic.kind;
    }
  }
  if (is_onnx(start)) return FileKind{"an ONNX model"};
  if (start[0] == '\x80' && start.size() > 1 && start[1] >= 2 && start[1] <= 5) {
    return FileKind{"a pickle of Python, but not one that torch.save wrote"};
  }
  if (start.find_first_not_of('\0') == std::string_view::npos) {
    return FileKind{"a file of zeros", false, "an unfinished download, perhaps"};
  }
  if (is_text(start)) return text_kind(start);
  if (start.starts_with("BM")) return FileKind{"a BMP picture"};
  return std::nullopt;
}

}  // namespace nestor
