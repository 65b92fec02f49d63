#include "tests/support/weight_files.h"

#include <fmt/format.h>
#include <stdlib.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>

namespace nestor::test {

namespace fs = std::filesystem;

Bytes& Bytes::number(std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) data_ += static_cast<char>(value >> (8 * i));
  return *this;
}

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text));
}

std::string floats(std::span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size_bytes()};
}

std::string params_file(std::span<const NamedFloats> tensors) {
  Bytes file;
  file.u64(0x112).u64(0).u64(tensors.size());
  for (const NamedFloats& tensor : tensors) {
    file.u32(0xF993FAC9).u32(0).u32(static_cast<std::uint32_t>(tensor.shape.size()));
    for (const std::int64_t dim : tensor.shape) file.u64(static_cast<std::uint64_t>(dim));
    file.u32(1).u32(0).u32(0).text(floats(tensor.values));
  }
  file.u64(tensors.size());
  for (const NamedFloats& tensor : tensors) file.u64(tensor.name.size()).text(tensor.name);
  return file.str();
}

std::string npy_file(std::string_view header, std::string_view data) {
  return Bytes()
      .text("\x93NUMPY")
      .u8(1)
      .u8(0)
      .u16(static_cast<std::uint16_t>(header.size() + 1))
      .text(header)
      .text("\n")
      .text(data)
      .str();
}

std::string safetensors_file(std::string_view header, std::string_view data) {
  return Bytes().u64(header.size()).text(header).text(data).str();
}

namespace {

std::string deflated(const std::string& contents) {
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY)) {
    throw std::runtime_error("zlib cannot start");
  }
  std::string packed(::deflateBound(&stream, contents.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(contents.data()));
  stream.avail_in = static_cast<uInt>(contents.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  ::deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

}  // namespace

std::string zip_file(std::span<const ZipEntry> entries) {
  Bytes file, directory;
  for (const ZipEntry& entry : entries) {
    const std::string data = entry.deflate ? deflated(entry.contents) : entry.contents;
    const auto offset = static_cast<std::uint32_t>(file.str().size());
    const auto crc =
        static_cast<std::uint32_t>(::crc32(0, reinterpret_cast<const Bytef*>(entry.contents.data()),
                                           static_cast<uInt>(entry.contents.size())));
    const auto facts = [&](Bytes& bytes) {
      bytes.u16(20).u16(0).u16(entry.deflate ? 8 : 0).u32(0).u32(crc);
      bytes.u32(static_cast<std::uint32_t>(data.size()));
      bytes.u32(static_cast<std::uint32_t>(entry.contents.size()));
      bytes.u16(static_cast<std::uint16_t>(entry.name.size())).u16(0);
    };
    facts(file.u32(0x04034B50));
    file.text(entry.name).text(data);
    facts(directory.u32(0x02014B50).u16(20));
    directory.u16(0).u16(0).u16(0).u32(0).u32(offset).text(entry.name);
  }
  const auto offset = static_cast<std::uint32_t>(file.str().size());
  const auto size = static_cast<std::uint32_t>(directory.str().size());
  const auto count = static_cast<std::uint16_t>(entries.size());
  file.text(directory.str()).u32(0x06054B50).u16(0).u16(0).u16(count).u16(count);
  return file.u32(size).u32(offset).u16(0).str();
}

std::string pickled_string(std::string_view text) {
  return Bytes().text("X").u32(static_cast<std::uint32_t>(text.size())).text(text).str();
}

std::string pickled_int(std::int32_t number) {
  return Bytes().text("J").u32(static_cast<std::uint32_t>(number)).str();
}

namespace {

std::string pickled_tuple(std::span<const int> numbers) {
  std::string text = "(";
  for (const int number : numbers) text += pickled_int(number);
  return text + "t";
}

}  // namespace

std::string pickled_tensor(std::string_view key, int num_elements, int offset,
                           std::span<const int> size, std::span<const int> stride) {
  const std::string storage = "(" + pickled_string("storage") + "ctorch\nFloatStorage\n" +
                              pickled_string(key) + pickled_string("cpu") +
                              pickled_int(num_elements) + "tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + pickled_int(offset) +
         pickled_tuple(size) + pickled_tuple(stride) + "\x89" + "ccollections\nOrderedDict\n)RtR";
}

std::string pickled_dict(std::span<const std::pair<std::string, std::string>> items) {
  std::string text = "\x80\x02}(";
  for (const auto& [name, value] : items) text += pickled_string(name) + value;
  return text + "u.";
}

std::string torch_archive(std::string_view pickle, std::span<const Storage> storages) {
  std::vector<ZipEntry> entries = {{"archive/data.pkl", std::string(pickle)},
                                   {"archive/byteorder", "little"}};
  for (const Storage& storage : storages) {
    entries.push_back({"archive/data/" + storage.key, floats(storage.values)});
  }
  entries.push_back({"archive/version", "3\n"});
  return zip_file(entries);
}

std::string torch_stream(std::string_view pickle, std::span<const Storage> storages) {
  Bytes file;
  file.text(std::string_view("\x80\x02\x8A\x0A\x6C\xFC\x9C\x46\xF9\x20\x6A\xA8\x50\x19.", 15));
  file.text("\x80\x02M\xE9\x03.");
  file.text("\x80\x02}" + pickled_string("little_endian") + "\x88s.");
  file.text(pickle).text("\x80\x02](");
  for (const Storage& storage : storages) file.text(pickled_string(storage.key));
  file.text("e.");
  for (const Storage& storage : storages) {
    const std::size_t element_bytes = storage.untyped ? sizeof(float) : 1;
    file.u64(storage.values.size() * element_bytes).text(floats(storage.values));
  }
  return file.str();
}

std::vector<std::string> names_of_one_hash(std::size_t count) {
  // MurmurHash64A: each block of eight bytes is mixed and combined with the state; the last one is
  // solved so that the state is always the same. All steps can be undone.
  constexpr std::uint64_t kMul = 0xC6A4A7935BD1E995, kSeed = 0xC70F6907,
                          kTarget = 0x123456789ABCDEF;
  std::uint64_t inverse = kMul;
  for (int i = 0; i < 6; ++i) inverse *= 2 - kMul * inverse;
  const auto mix = [](std::uint64_t value) { return value ^ (value >> 47); };
  std::mt19937_64 random(1);
  std::vector<std::string> names;
  while (names.size() < count) {
    char name[24];
    for (int i = 0; i < 16; ++i) name[i] = static_cast<char>('a' + (random() & 15));
    std::uint64_t state = kSeed ^ (sizeof(name) * kMul);
    for (int i = 0; i < 2; ++i) {
      std::uint64_t block = 0;
      std::memcpy(&block, name + 8 * i, 8);
      state = (state ^ (mix(block * kMul) * kMul)) * kMul;
    }
    const std::uint64_t last = mix((state ^ kTarget) * inverse) * inverse;
    std::memcpy(name + 16, &last, 8);
    const bool plain =
        std::ranges::all_of(std::span(name).last(8), [](char c) { return c > 0 && c < 0x7F; });
    if (plain) names.emplace_back(name, sizeof(name));
  }
  return names;
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "nestor-test-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot make a folder");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

fs::path TemporaryFolder::write(std::string_view name, std::string_view contents) const {
  const fs::path path = path_ / name;
  std::ofstream(path, std::ios::binary) << contents;
  return path;
}

std::size_t TemporaryFolder::num_files() const {
  return static_cast<std::size_t>(
      std::distance(fs::directory_iterator(path_), fs::directory_iterator()));
}

}  // namespace nestor::test
