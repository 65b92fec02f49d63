#include "weights_convert/pretrained/hub.h"

#include <algorithm>
#include <fstream>

#include "engine/check.h"
#include "weights_convert/pretrained/environment.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

constexpr const char* kFiles[] = {"model.safetensors", "pytorch_model.bin"};

bool is_hexadecimal(const std::string& text, std::size_t digits) {
  return text.size() == digits && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

fs::path hub_folder() {
  return first_set({{"HF_HUB_CACHE", ""},
                    {"HUGGINGFACE_HUB_CACHE", ""},
                    {"HF_HOME", "hub"},
                    {"XDG_CACHE_HOME", "huggingface/hub"},
                    {"HOME", ".cache/huggingface/hub"}});
}

// "timm/resnest50d.in1k" -> "models--timm--resnest50d.in1k"
std::string folder_name(const OfficialFile& file) {
  std::string name = "models/" + file.name;
  for (std::size_t slash = 0; (slash = name.find('/')) != std::string::npos;) {
    name.replace(slash, 1, "--");
  }
  return name;
}

// The commit that "main" was when it was downloaded last.
std::string main_commit(const fs::path& repository) {
  constexpr std::size_t kDigits = 40;
  std::ifstream file(repository / "refs" / "main");
  std::string commit(kDigits, ' ');
  file.read(commit.data(), static_cast<std::streamsize>(kDigits));
  return file && is_hexadecimal(commit, kDigits) ? commit : std::string();
}

}  // namespace

bool is_on_hub(const OfficialFile& file) { return file.source == "timm"; }

std::string hub_url(const OfficialFile& file) {
  std::string endpoint = from_environment("HF_ENDPOINT").string();
  if (endpoint.empty()) endpoint = "https://huggingface.co";
  while (endpoint.ends_with('/')) endpoint.pop_back();
  return fmt::format("{}/{}/resolve/main/{}", endpoint, file.name, kFiles[0]);
}

std::vector<HubFile> hub_cached(const OfficialFile& file) {
  constexpr std::size_t kSha256Digits = 64;
  const fs::path folder = hub_folder();
  if (folder.empty() || !is_on_hub(file)) return {};
  const fs::path repository = folder / folder_name(file);
  const std::string commit = main_commit(repository);
  if (commit.empty()) return {};
  std::vector<HubFile> found;
  for (const char* const name : kFiles) {
    // A link to ../../blobs/<SHA-256>.
    std::error_code error;
    const fs::path link = repository / "snapshots" / commit / name;
    const std::string digest = fs::read_symlink(link, error).filename().string();
    const fs::path blob = repository / "blobs" / digest;
    if (!error && is_hexadecimal(digest, kSha256Digits) && fs::is_regular_file(blob, error)) {
      found.push_back({blob, digest});
    }
  }
  return found;
}

}  // namespace nestor
