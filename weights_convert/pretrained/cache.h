#pragma once
// Where official weights lie on this machine.
//
//   files/<file>                     as published, verified; also where to put them by hand
//   files/<source>-<model>.safetensors           the hub's file (hub.h), with its record
//   models/<source>-<model>-<hash>.safetensors   converted, with its record beside it (record.h)
//   work/<file>.part, .lock          unfinished downloads, and who works on what
//
// A file in files/ or models/ is complete: it was made in work/ and renamed. Symbolic links in
// these folders are not followed; the folders themselves may be links.

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weights_convert/official_files.h"
#include "weights_convert/pretrained/file_lock.h"

namespace nestor {

// What to do about a disk that refuses.
inline constexpr std::string_view kDiskHint =
    "free some space, or set NESTOR_HOME to a folder on another disk";

class WeightCache {
 public:
  // $NESTOR_HOME, else $XDG_CACHE_HOME/nestor, else ~/.cache/nestor. Nothing is made yet. Throws
  // kUsage if none of the three variables is set.
  WeightCache();

  const std::filesystem::path& folder() const { return folder_; }
  std::filesystem::path original(const OfficialFile& file) const;
  std::filesystem::path model(const OfficialFile& file) const;
  std::filesystem::path from_hub(const OfficialFile& file) const;
  std::filesystem::path partial(const OfficialFile& file) const;     // the download
  std::filesystem::path unfinished(const OfficialFile& file) const;  // the conversion

  bool has_model(const OfficialFile& file) const;

  // Whether the model is there and as it was converted. A record that is only older than the file
  // is renewed.
  bool has_intact_model(const OfficialFile& file) const;

  // The published file wherever it lies, unverified: in files/, or where GluonCV
  // ($MXNET_HOME/models, ~/.mxnet/models) and torch hub ($TORCH_HOME, $XDG_CACHE_HOME/torch,
  // ~/.cache/torch) keep theirs, which are only read.
  std::vector<std::filesystem::path> originals(const OfficialFile& file) const;

  // Makes the folders and keeps other processes from the file; removes what a killed one left, its
  // download apart. Throws kInternal, saying what to do, if the cache cannot be written.
  FileLock lock(const OfficialFile& file, const std::function<void()>& waiting) const;

 private:
  std::filesystem::path folder_;
  std::vector<std::filesystem::path> other_folders_;
};

}  // namespace nestor
