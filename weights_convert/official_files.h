#pragma once
// The published weight files of our networks: official_files.json, compiled in.

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "nestor/preprocess.h"

namespace nestor {

enum class HashKind { kSha1, kSha256 };

// A place on a host. The original tools let an environment variable name another host.
struct OfficialAddress {
  std::string host_url;     // ends with a slash
  std::string environment;  // empty: none
  std::string path;
  bool reported_dead = false;  // the host: others are asked before it
};

struct OfficialFile {
  std::string name;     // "timm/resnest50d.in1k": whose, and what they call it
  std::string source;   // "gluoncv", "resnest", "timm", "cadene": whose preprocessing goes with it
  std::string network;  // as the zoo calls it, whether or not the zoo has it yet
  std::string task;     // "classification", "detection", "segmentation"
  std::string file;     // "resnest50-528c19ca.pth"; a .params file travels inside a zip archive
  HashKind hash_kind = HashKind::kSha256;
  std::string hash_prefix;  // 8 hexadecimal digits or more, of the file itself
  int input_size = 0;
  int num_classes = 1000;                     // unless the list says so, the network's own
  std::optional<Preprocess> preprocess = {};  // nothing if neither list nor zoo tells it
  std::vector<std::pair<std::string, double>> accuracy;  // {"top-1", 81.04}, ...; empty: unknown
  std::vector<OfficialAddress> addresses;                // in the order in which they are tried
  std::string note;
};

// In the order of preference if several are of one network.
std::span<const OfficialFile> official_files();

// A list in the form of official_files.json. Rows with the same file share their addresses.
// Throws kBadInput, naming file and reason.
std::vector<OfficialFile> read_official_files(const std::filesystem::path& path);

// Whether people call the file so: by its name ("timm/resnest50d.in1k"), with "hf_hub:" before it
// as timm has it, without its source or its tag ("timm/resnest50d", "resnest50d.in1k",
// "resnest50d").
bool is_called(const OfficialFile& file, std::string_view name);

// The zoo's name of the network that `name` is, or that the first published file of that name
// belongs to; `name` itself if there is none.
std::string network_called(std::string_view name);

// The published file with that digest, of either kind: the one of that source if the same file was
// published by several, else the first; null if there is none.
const OfficialFile* find_official_file(std::string_view digest, std::string_view source = {});

// {"interpolation", "crop_pct", "input_size": [3, h, w], "mean", "std"}, as timm spells it.
std::string timm_json(const Preprocess& preprocess);

// The digest that the name of a published file ends with: "bcfefe1d" of
// "resnest50-bcfefe1d.params"; nothing for names that do not end so.
std::optional<std::string_view> hash_in_name(std::string_view file_name);

}  // namespace nestor
