#pragma once
// The Hugging Face hub, where timm keeps its weights today. What the list calls
// "timm/resnest50d.in1k" is a repository there.
//
// Its files hold the tensors of the published ones in other formats, so they have other hashes,
// which nobody published. The hub itself tells a file's SHA-256 when it is asked for it, and its
// cache names files by it: that keeps out damage; for the rest TLS and the hub are trusted.

#include <filesystem>
#include <string>
#include <vector>

#include "weights_convert/official_files.h"

namespace nestor {

bool is_on_hub(const OfficialFile& file);

// Of the hub, or of the mirror that $HF_ENDPOINT names.
std::string hub_url(const OfficialFile& file);

struct HubFile {
  std::filesystem::path path;
  std::string sha256;  // as its name in the cache promises
};

// What huggingface_hub has downloaded ($HF_HUB_CACHE, $HF_HOME/hub,
// $XDG_CACHE_HOME/huggingface/hub,
// ~/.cache/huggingface/hub), unverified; only read.
std::vector<HubFile> hub_cached(const OfficialFile& file);

}  // namespace nestor
