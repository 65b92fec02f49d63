#include "weights_convert/official_files.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/weights/weight_file.h"
#include "graphs/zoo.h"

namespace nestor {

extern const std::string_view kOfficialFilesJson;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kHashDigits = 8;  // in the names of official files
constexpr int kMostClasses = 1'000'000;

constexpr std::string_view kLetters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

bool is_hexadecimal(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// A name that is safe as the name of a file.
bool is_plain(std::string_view name) {
  return !name.empty() && name.front() != '.' && name.front() != '-' && name.size() < 200 &&
         name.find_first_not_of(kLetters) == std::string_view::npos;
}

std::string text_or_empty(const Json& object, const char* key) {
  return object.contains(key) ? object.at(key).get<std::string>() : std::string();
}

// {"host": {"url", "environment"}}, "host:path" -> address
OfficialAddress parse_address(const Json& hosts, const std::string& text) {
  const std::size_t colon = text.find(':');
  CHECK_AS(kBadInput, colon != std::string::npos, "address {:?}, expected host:path", text);
  const Json& host = hosts.at(text.substr(0, colon));
  OfficialAddress address{host.at("url").get<std::string>(), text_or_empty(host, "environment"),
                          text.substr(colon + 1), host.contains("reported_dead")};
  CHECK_AS(kBadInput, address.host_url.ends_with('/'), "{:?} does not end with a slash",
           address.host_url);
  return address;
}

std::array<float, 3> three_numbers(const Json& values) {
  CHECK_AS(kBadInput, values.is_array() && values.size() == 3, "{}, expected three numbers",
           values.dump());
  return {values[0].get<float>(), values[1].get<float>(), values[2].get<float>()};
}

// How a classifier's own framework evaluates it; what the row says belongs to the file alone.
Preprocess parse_preprocess(const OfficialFile& file, const Json& row) {
  Preprocess preprocess{.crop_size = file.input_size};
  if (file.source == "timm" || file.source == "cadene") {
    preprocess.contract = PreprocessContract::kTimm;
  } else if (file.source == "resnest") {
    preprocess.contract = PreprocessContract::kResnest;
    preprocess.interpolation = Interpolation::kBicubic;
  }
  const Json own = row.value("preprocess", Json::object());
  for (const auto& [key, value] : own.items()) {
    if (key == "interpolation") {
      preprocess.interpolation = parse_interpolation(value.get<std::string>());
    } else if (key == "crop_pct") {
      preprocess.crop_ratio = value.get<double>();
    } else if (key == "mean") {
      preprocess.normalisation.mean = three_numbers(value);
    } else if (key == "std") {
      preprocess.normalisation.std = three_numbers(value);
    } else {
      fail(ErrorCode::kBadInput, "{}: unknown key {:?} in preprocess", file.name, key);
    }
  }
  // The checks are those of a model's metadata.
  return preprocess_from_json(to_json(preprocess), file.name);
}

// Classes and preprocessing: what the row does not say is as the network was published.
void set_contract(OfficialFile& file, const Json& row) {
  const Network* const network = find_network(file.network);
  if (network != nullptr) file.num_classes = num_classes(*network);
  if (row.contains("num_classes")) {
    file.num_classes = row.at("num_classes").get<int>();
    CHECK_AS(kBadInput, file.num_classes >= 1 && file.num_classes <= kMostClasses,
             "{}: {} classes, expected 1 to {}", file.name, file.num_classes, kMostClasses);
  }
  if (file.task == "classification" && file.input_size > 0) {
    file.preprocess = parse_preprocess(file, row);
  } else if (file.task != "classification" && network != nullptr) {
    file.preprocess = evaluation_preprocess(*network, file.source);
  }
}

OfficialFile parse_file(const Json& hosts, const Json& row) {
  OfficialFile file;
  file.name = row.at("name").get<std::string>();
  const std::size_t slash = file.name.find('/');
  CHECK_AS(kBadInput, slash != std::string::npos && is_plain(file.name.substr(slash + 1)),
           "name {:?}, expected source/model", file.name);
  file.source = file.name.substr(0, slash);
  CHECK_AS(kBadInput, is_plain(file.source), "name {:?}, expected source/model", file.name);
  file.network = row.at("network").get<std::string>();
  file.task = row.at("task").get<std::string>();
  file.file = row.at("file").get<std::string>();
  CHECK_AS(kBadInput, is_plain(file.file), "{}: {:?} is not a plain file name", file.name,
           file.file);
  file.hash_kind = row.contains("sha1") ? HashKind::kSha1 : HashKind::kSha256;
  const bool sha1 = file.hash_kind == HashKind::kSha1;
  file.hash_prefix = row.at(sha1 ? "sha1" : "sha256").get<std::string>();
  CHECK_AS(kBadInput,
           is_hexadecimal(file.hash_prefix) && file.hash_prefix.size() >= kHashDigits &&
               file.hash_prefix.size() <= (sha1 ? 40 : 64),
           "{}: hash {:?}, expected 8 to {} hexadecimal digits", file.name, file.hash_prefix,
           sha1 ? 40 : 64);
  if (row.contains("input_size")) file.input_size = row.at("input_size").get<int>();
  set_contract(file, row);
  for (const auto& [measure, value] : row.at("accuracy").items()) {
    file.accuracy.emplace_back(measure, value.get<double>());
  }
  for (const Json& address : row.at("at")) {
    file.addresses.push_back(parse_address(hosts, address.get<std::string>()));
  }
  file.note = text_or_empty(row, "note");
  return file;
}

bool is_same_file(const OfficialFile& a, const OfficialFile& b) {
  return a.file == b.file && a.hash_kind == b.hash_kind && a.hash_prefix == b.hash_prefix;
}

// Its own addresses first.
void share_addresses(std::vector<OfficialFile>& files) {
  const std::vector<OfficialFile> as_listed = files;
  for (OfficialFile& file : files) {
    for (const OfficialFile& other : as_listed) {
      if (other.name == file.name || !is_same_file(file, other)) continue;
      file.addresses.insert(file.addresses.end(), other.addresses.begin(), other.addresses.end());
    }
  }
}

std::vector<OfficialFile> parse(std::string_view text, const std::string& where) {
  try {
    const Json document = Json::parse(text);
    std::vector<OfficialFile> files;
    for (const Json& row : document.at("files")) {
      files.push_back(parse_file(document.at("hosts"), row));
      const bool twice = std::ranges::count(files, files.back().name, &OfficialFile::name) > 1;
      CHECK_AS(kBadInput, !twice, "{:?} occurs twice", files.back().name);
    }
    share_addresses(files);
    return files;
  } catch (const Json::exception& error) {
    fail(ErrorCode::kBadInput, "{}: not a list of weight files: {}", where, error.what());
  } catch (const Error& error) {
    fail(error.code(), "{}: not a list of weight files: {}", where, error.what());
  }
}

}  // namespace

std::span<const OfficialFile> official_files() {
  static const std::vector<OfficialFile> files = parse(kOfficialFilesJson, "official_files.json");
  return files;
}

std::vector<OfficialFile> read_official_files(const std::filesystem::path& path) {
  const MappedFile file = MappedFile::open(path);
  return parse({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
               file.name());
}

bool is_called(const OfficialFile& file, std::string_view name) {
  for (const std::string_view hub : {"hf_hub:", "hf-hub:"}) {
    if (name.starts_with(hub)) name.remove_prefix(hub.size());
  }
  const std::string_view whole = file.name;
  const std::size_t model = file.source.size() + 1;
  const std::size_t tag = std::min(whole.find('.', model), whole.size());
  return name == whole || name == whole.substr(model) || name == whole.substr(0, tag) ||
         name == whole.substr(model, tag - model);
}

std::string network_called(std::string_view name) {
  if (find_network(name) != nullptr) return std::string(name);
  const std::span<const OfficialFile> files = official_files();
  const auto found = std::ranges::find_if(
      files, [name](const OfficialFile& file) { return is_called(file, name); });
  return found == files.end() ? std::string(name) : found->network;
}

const OfficialFile* find_official_file(std::string_view digest, std::string_view source) {
  const OfficialFile* found = nullptr;
  for (const OfficialFile& file : official_files()) {
    if (!digest.starts_with(file.hash_prefix)) continue;
    if (file.source == source) return &file;
    if (found == nullptr) found = &file;
  }
  return found;
}

std::string timm_json(const Preprocess& preprocess) {
  const Json own = Json::parse(to_json(preprocess));
  const Json size = {3, preprocess.crop_size, preprocess.crop_size};
  return Json({{"interpolation", own["interpolation"]},
               {"crop_pct", own["crop_ratio"]},
               {"input_size", size},
               {"mean", own["mean"]},
               {"std", own["std"]}})
      .dump();
}

std::optional<std::string_view> hash_in_name(std::string_view file_name) {
  const std::string_view stem = file_name.substr(0, file_name.rfind('.'));
  const std::size_t dash = stem.rfind('-');
  if (dash == std::string_view::npos) return {};
  const std::string_view hash = stem.substr(dash + 1);
  if (hash.size() < kHashDigits || !is_hexadecimal(hash)) return {};
  return hash;
}

}  // namespace nestor
