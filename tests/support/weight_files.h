#pragma once
// Small weight files of every format, made in memory.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nestor/error.h"
#include "nestor/tensor.h"

namespace nestor::test {

// Little-endian bytes, one after another.
class Bytes {
 public:
  Bytes& u8(std::uint8_t value) { return number(value, 1); }
  Bytes& u16(std::uint16_t value) { return number(value, 2); }
  Bytes& u32(std::uint32_t value) { return number(value, 4); }
  Bytes& u64(std::uint64_t value) { return number(value, 8); }
  Bytes& text(std::string_view text) {
    data_ += text;
    return *this;
  }
  const std::string& str() const { return data_; }

 private:
  Bytes& number(std::uint64_t value, int bytes);
  std::string data_;
};

std::span<const std::byte> as_bytes(std::string_view text);
std::string floats(std::span<const float> values);  // as they lie in a file

struct NamedFloats {
  std::string name;
  std::vector<std::int64_t> shape;
  std::vector<float> values;
};

std::string params_file(std::span<const NamedFloats> tensors);  // MXNet, record version 2
std::string npy_file(std::string_view header, std::string_view data);
std::string safetensors_file(std::string_view header, std::string_view data);

struct ZipEntry {
  std::string name;
  std::string contents;
  bool deflate = false;
};
std::string zip_file(std::span<const ZipEntry> entries);

// Opcodes that push a string, an integer, and a tensor of a float storage.
std::string pickled_string(std::string_view text);
std::string pickled_int(std::int32_t number);
std::string pickled_tensor(std::string_view key, int num_elements, int offset,
                           std::span<const int> size, std::span<const int> stride);
// {name: value, ...} as a whole pickle; the values are opcodes.
std::string pickled_dict(std::span<const std::pair<std::string, std::string>> items);

struct Storage {
  std::string key;
  std::vector<float> values;
  bool untyped = false;  // counted in bytes
};
std::string torch_archive(std::string_view pickle, std::span<const Storage> storages);
std::string torch_stream(std::string_view pickle, std::span<const Storage> storages);

// Different names of 24 ASCII characters that std::hash of libstdc++ gives one value, so that a
// hash table of them is a list.
std::vector<std::string> names_of_one_hash(std::size_t count);

// A folder that is removed with its contents.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  // Writes a file into the folder.
  std::filesystem::path write(std::string_view name, std::string_view contents) const;
  std::size_t num_files() const;

 private:
  std::filesystem::path path_;
};

// The error that work throws, as (code, message); (kInternal, "") where it throws none.
template <class Work>
std::pair<ErrorCode, std::string> error_of(Work work) {
  try {
    work();
  } catch (const Error& error) {
    return {error.code(), error.what()};
  }
  return {ErrorCode::kInternal, ""};
}

}  // namespace nestor::test
