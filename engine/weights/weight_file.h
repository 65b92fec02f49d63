#pragma once
// The weight format, defined once: safetensors (github.com/huggingface/safetensors, README.md).
//
//   u64 N | N bytes of JSON {"name": {"dtype", "shape", "data_offsets"}, "__metadata__": {..}} |
//   data
//
// Files are hostile: every size is checked against the bytes present before it is used.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/atomic_file.h"
#include "nestor/tensor.h"

namespace nestor {

// A file mapped into memory for reading; unmapped with the last copy. Others must not shorten it
// meanwhile: the system answers reads beyond a mapped file's end with a signal.
class MappedFile {
 public:
  // Throws kBadInput, naming the file, if it is not a regular file or cannot be read.
  static MappedFile open(const std::filesystem::path& path);

  std::span<const std::byte> bytes() const { return bytes_; }
  const std::string& name() const { return name_; }

  // What keeps bytes() alive, for those who hand out views of them.
  const std::shared_ptr<const void>& owner() const { return mapping_; }

 private:
  std::string name_;
  std::shared_ptr<const void> mapping_;
  std::span<const std::byte> bytes_;
};

// The format's name of an element type ("F32"), and back; nothing for types that Nestor does not
// know, such as F8_E4M3.
std::string_view safetensors_name(DType dtype);
std::optional<DType> dtype_of(std::string_view safetensors_name);

// A safetensors file, opened and checked. The tensors' bytes lie where the file has them, in older
// files at odd addresses; WeightStore aligns what the engine reads. Copies share the file.
class WeightFile {
 public:
  struct Entry {
    std::string name;
    std::string_view dtype;  // as the format spells it: "F32", "BF16", "F8_E4M3"
    Shape shape;
    std::span<const std::byte> data;
  };

  // Throws kBadModel, naming file and reason, for anything that is not a sound safetensors file.
  static WeightFile open(const std::filesystem::path& path);

  // The same for bytes in memory, which must outlive the result and all copies of it.
  static WeightFile parse(std::span<const std::byte> bytes, std::string name);

  const std::string& name() const { return name_; }               // of the file, for messages
  const std::vector<Entry>& entries() const { return entries_; }  // in the order of their data
  const Entry* find(std::string_view name) const;                 // null if there is none

  // For those who need the names for themselves; only metadata and views of the data are left.
  std::vector<Entry> take_entries() &&;
  const std::map<std::string, std::string, std::less<>>& metadata() const { return metadata_; }

 private:
  std::string name_;
  std::shared_ptr<const void> mapping_;
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> by_name_;  // indices of the entries in the order of their names
  std::map<std::string, std::string, std::less<>> metadata_;
};

// Writes a safetensors file tensor by tensor, so that no more than one is in memory at a time, as
// an AtomicFile: it appears under its name only when finish() has succeeded.
class WeightFileWriter {
 public:
  struct Entry {
    std::string name;
    DType dtype = DType::kFloat32;
    Shape shape;
  };

  // The tensors are laid out by descending element size, then by name, as safetensors' own writer
  // does.
  WeightFileWriter(const std::filesystem::path& path, std::vector<Entry> entries,
                   std::map<std::string, std::string, std::less<>> metadata);

  // The entries in the order of the file: write() is called once for each, in this order.
  const std::vector<Entry>& entries() const { return entries_; }
  void write(std::span<const std::byte> data);
  void finish();

 private:
  std::vector<Entry> entries_;
  std::size_t next_entry_idx_ = 0;
  AtomicFile file_;
};

}  // namespace nestor
