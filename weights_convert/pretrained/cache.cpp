#include "weights_convert/pretrained/cache.h"

#include "engine/check.h"
#include "weights_convert/pretrained/environment.h"
#include "weights_convert/pretrained/plain_file.h"
#include "weights_convert/pretrained/record.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashDigits = 8;

void remove_unfinished(const fs::path& path) {
  // With what AtomicFile's temporary files are called.
  std::error_code error;
  const std::string stem = path.filename().string();
  for (const auto& entry : fs::directory_iterator(path.parent_path(), error)) {
    const std::string name = entry.path().filename().string();
    if (name == stem || name.starts_with(stem + ".part-")) fs::remove(entry.path(), error);
  }
}

std::string model_name(const OfficialFile& file) {
  return fmt::format("{}-{}-{}.safetensors", file.source, file.name.substr(file.source.size() + 1),
                     file.hash_prefix.substr(0, kHashDigits));
}

}  // namespace

WeightCache::WeightCache()
    : folder_(first_set(
          {{"NESTOR_HOME", ""}, {"XDG_CACHE_HOME", "nestor"}, {"HOME", ".cache/nestor"}})) {
  CHECK_AS(kUsage, !folder_.empty(),
           "no place for downloaded weights: set NESTOR_HOME to the folder that shall hold them");
  for (const fs::path& folder : {first_set({{"MXNET_HOME", "models"}, {"HOME", ".mxnet/models"}}),
                                 first_set({{"TORCH_HOME", "hub/checkpoints"},
                                            {"XDG_CACHE_HOME", "torch/hub/checkpoints"},
                                            {"HOME", ".cache/torch/hub/checkpoints"}})}) {
    if (!folder.empty()) other_folders_.push_back(folder);
  }
}

fs::path WeightCache::original(const OfficialFile& file) const {
  return folder_ / "files" / file.file;
}

fs::path WeightCache::model(const OfficialFile& file) const {
  return folder_ / "models" / model_name(file);
}

fs::path WeightCache::from_hub(const OfficialFile& file) const {
  return folder_ / "files" /
         fmt::format("{}-{}.safetensors", file.source, file.name.substr(file.source.size() + 1));
}

fs::path WeightCache::partial(const OfficialFile& file) const {
  return folder_ / "work" / (file.file + ".part");
}

fs::path WeightCache::unfinished(const OfficialFile& file) const {
  return folder_ / "work" / model_name(file);
}

bool WeightCache::has_model(const OfficialFile& file) const { return is_plain_file(model(file)); }

bool WeightCache::has_intact_model(const OfficialFile& file) const {
  return has_model(file) && is_as_recorded(model(file));
}

std::vector<fs::path> WeightCache::originals(const OfficialFile& file) const {
  std::vector<fs::path> places;
  if (is_plain_file(original(file))) places.push_back(original(file));
  for (const fs::path& folder : other_folders_) {
    std::error_code error;
    const fs::path path = folder / file.file;
    if (fs::is_regular_file(path, error)) places.push_back(path);
  }
  return places;
}

FileLock WeightCache::lock(const OfficialFile& file, const std::function<void()>& waiting) const {
  try {
    for (const char* const part : {"files", "models", "work"}) {
      fs::create_directories(folder_ / part);
    }
    FileLock lock(folder_ / "work" / (file.file + ".lock"), waiting);
    remove_unfinished(unfinished(file));
    remove_unfinished(folder_ / "work" / file.file);
    return lock;
  } catch (const std::exception& error) {
    fail(ErrorCode::kInternal,
         "the cache {} cannot be written: {}; set NESTOR_HOME to a folder that can be",
         folder_.string(), error.what());
  }
}

}  // namespace nestor
