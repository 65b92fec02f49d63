// FOLDER/data.pkl, FOLDER/data/KEY for each storage, FOLDER/version, FOLDER/byteorder

#include <algorithm>
#include <map>

#include "engine/check.h"
#include "engine/checked.h"
#include "weights_convert/readers/byte_cursor.h"
#include "weights_convert/readers/pickle.h"
#include "weights_convert/readers/state_dict.h"
#include "weights_convert/readers/torch.h"

namespace nestor {

namespace {

constexpr std::string_view kPickle = "data.pkl";
constexpr std::string_view kScript = "constants.pkl";  // only TorchScript archives have it

std::string_view folder_of(std::string_view name) { return name.substr(0, name.find('/') + 1); }

std::string_view text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The entries by their names within the one top folder.
class Folder {
 public:
  Folder(std::span<const ArchiveEntry> entries, const std::string& file) : file_(file) {
    CHECK_AS(kBadModel, !entries.empty(), "{}: an archive without entries", file);
    const std::string_view folder = folder_of(entries.front().name);
    CHECK_AS(kBadModel, !folder.empty(), "{}: entry {:?} lies in no folder", file,
             entries.front().name);
    for (const ArchiveEntry& entry : entries) {
      CHECK_AS(kBadModel, folder_of(entry.name) == folder,
               "{}: entries in two folders, {:?} and {:?}", file, folder, entry.name);
      by_name_.emplace(entry.name.substr(folder.size()), &entry);
    }
  }

  bool has(std::string_view name) const { return by_name_.contains(name); }
  bool has_folder(std::string_view name) const {
    const auto next = by_name_.lower_bound(name);
    return next != by_name_.end() && next->first.starts_with(name);
  }

  const ArchiveEntry& get(std::string_view name) const {
    const auto found = by_name_.find(name);
    CHECK_AS(kBadModel, found != by_name_.end(), "{}: the archive has no entry {:?}", file_, name);
    return *found->second;
  }

  std::span<const std::byte> contents(std::string_view name) const {
    const ArchiveEntry& entry = get(name);
    check_stored(entry, file_);
    return entry.data;
  }

 private:
  const std::string& file_;
  std::map<std::string, const ArchiveEntry*, std::less<>> by_name_;
};

Pickle read_object(const Folder& folder, const std::string& file, bool skip_objects) {
  ByteCursor cursor(folder.contents(kPickle), file);
  Pickle pickle = read_pickle(cursor, skip_objects);
  CHECK_AS(kBadModel, cursor.remaining() == 0, "{}: {} bytes after the pickle's end", file,
           cursor.remaining());
  return pickle;
}

}  // namespace

bool is_torch_archive(std::span<const ArchiveEntry> entries) {
  return std::ranges::any_of(entries, [](const ArchiveEntry& entry) {
    const std::string_view name = std::string_view(entry.name).substr(folder_of(entry.name).size());
    return name == kPickle || name == kScript;
  });
}

SourceFile read_torch_archive(std::span<const ArchiveEntry> entries,
                              std::span<const std::byte> bytes, const std::string& file,
                              const ReadOptions& options) {
  const Folder folder(entries, file);
  CHECK_AS(kBadModel, !folder.has(kScript) && !folder.has_folder("code/"),
           "{}: a TorchScript archive, expected a state dict", file);
  if (folder.has("byteorder")) {
    const std::string_view order = text(folder.contents("byteorder"));
    CHECK_AS(kBadModel, order == "little", "{}: byte order {:?}, expected little", file, order);
  }
  const Pickle pickle = read_object(folder, file, options.skip_objects);

  SourceFile source("pytorch", bytes, file);
  const auto find = [&](const PickledStorage& storage) {
    const ArchiveEntry& entry = folder.get(fmt::format("data/{}", storage.key));
    const CheckedSize need = CheckedSize(storage.num_elements) * size_bytes(storage.dtype);
    CHECK_AS(kBadModel, need.equals(entry.size_bytes),
             "{}: storage {:?} is {} x {}, which does not need the {} bytes of its entry", file,
             storage.key, storage.num_elements, to_string(storage.dtype), entry.size_bytes);
    CHECK_AS(kBadModel, !entry.deflated, "{}: entry {:?} is compressed, expected it as it is", file,
             entry.name);
    return entry.data;
  };
  read_state_dict(pickle, find, bytes.size(), options, source);
  // Once each, however many tensors share a storage, and sound sizes first.
  for (const PickledStorage& storage : pickle.storages) {
    check_stored(folder.get(fmt::format("data/{}", storage.key)), file);
  }
  return source;
}

}  // namespace nestor
