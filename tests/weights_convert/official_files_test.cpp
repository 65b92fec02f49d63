#include "weights_convert/official_files.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "engine/weights/weight_file.h"
#include "graphs/zoo.h"
#include "tests/support/weight_files.h"

namespace nestor {

namespace {

std::size_t count_of(std::string_view source, std::string_view task) {
  return static_cast<std::size_t>(std::ranges::count_if(
      official_files(),
      [&](const OfficialFile& file) { return file.source == source && file.task == task; }));
}

// AdvProp's files alone have another mean and deviation than all others of their network.
Preprocess without_own_normalisation(const OfficialFile& file) {
  Preprocess preprocess = *file.preprocess;
  if (file.name.ends_with(".ap_in1k")) {
    CHECK(preprocess.normalisation.mean == std::array{0.5F, 0.5F, 0.5F});
    CHECK(preprocess.normalisation.std == std::array{0.5F, 0.5F, 0.5F});
    preprocess.normalisation = {};
  }
  return preprocess;
}

}  // namespace

TEST_CASE("official files: all that were published are listed", "[convert][cpu]") {
  CHECK(official_files().size() == 71);
  CHECK(count_of("gluoncv", "classification") == 12);
  CHECK(count_of("gluoncv", "detection") == 5);
  CHECK(count_of("gluoncv", "segmentation") == 6);
  CHECK(count_of("resnest", "classification") == 11);
  CHECK(count_of("timm", "classification") == 36);
  CHECK(count_of("cadene", "classification") == 1);
}

TEST_CASE("official files: every classifier of the zoo has one from its own framework",
          "[convert][cpu]") {
  std::map<std::string, std::set<std::string>> sources;
  for (const OfficialFile& file : official_files()) sources[file.network].insert(file.source);
  for (const char* const network :
       {"resnest14", "resnest26", "resnest50", "resnest101", "resnest200", "resnest269",
        "resnet101_v1b", "resnet101_v1d", "resnet101_v1s", "senet_154"}) {
    INFO(network);
    REQUIRE(find_network(network) != nullptr);
    CHECK(sources[network].contains("gluoncv"));
    CHECK(sources[network].contains("timm"));
  }
  for (const Network& network : networks()) {
    INFO(network.name);
    const std::string name(network.name);
    if (name.starts_with("resnest50_fast")) CHECK(sources[name].contains("resnest"));
  }
}

TEST_CASE("official files: hashes and names are well formed", "[convert][cpu]") {
  std::set<std::pair<std::string, std::string>> seen;  // of a source, each file once
  for (const OfficialFile& file : official_files()) {
    INFO(file.name);
    CHECK(seen.emplace(file.source, file.file).second);
    CHECK(hash_in_name(file.file) == file.hash_prefix.substr(0, 8));
    CHECK((file.hash_kind == HashKind::kSha1) == file.file.ends_with(".params"));
    CHECK((file.hash_prefix.size() == 8 || file.hash_prefix.size() == 40));
    CHECK(file.name.starts_with(file.source + "/"));
    CHECK(file.input_size >= 224);
    CHECK_FALSE(file.addresses.empty());
    for (const OfficialAddress& address : file.addresses) {
      const bool http = address.host_url.starts_with("http://");
      CHECK((http || address.host_url.starts_with("https://")));
      CHECK(http == (file.source == "cadene"));
      CHECK(address.path.find(file.file.substr(0, file.file.rfind('.'))) != std::string::npos);
    }
    for (const auto& [measure, value] : file.accuracy) CHECK((value > 30 && value < 100));
  }
}

TEST_CASE("official files: one file under two names is one file", "[convert][cpu]") {
  std::map<std::string, const OfficialFile*> by_hash;
  for (const OfficialFile& file : official_files()) {
    INFO(file.name);
    const auto [first, inserted] = by_hash.emplace(file.hash_prefix, &file);
    CHECK(find_official_file(file.hash_prefix) == first->second);
    if (inserted) continue;
    CHECK(first->second->file == file.file);
    CHECK(first->second->network == file.network);
  }
  CHECK(find_official_file("528c19ca0000")->source == "resnest");
  CHECK(find_official_file("0000") == nullptr);
}

TEST_CASE("official files: a list of one's own is checked", "[convert][cpu]") {
  const test::TemporaryFolder folder;
  const auto message = [&](const std::string& row) {
    const auto path = folder.write(
        "list.json", R"({"hosts": {"h": {"url": "https://h/"}}, "files": [)" + row + "]}");
    const auto [code, text] = test::error_of([&] { read_official_files(path); });
    if (!text.empty()) CHECK(code == ErrorCode::kBadInput);
    return text;
  };
  const auto row = [](const char* name, const char* file, const char* hash, const char* at) {
    return std::string(R"({"network": "n", "task": "classification", "accuracy": {}, "name": ")") +
           name + R"(", "file": ")" + file + R"(", "sha256": ")" + hash + R"(", "at": [")" + at +
           R"("]})";
  };
  const std::string good = row("own/n", "n.pth", "0123456789", "h:n.pth");
  CHECK(message(good) == "");
  CHECK_THAT(message(good + "," + good), Catch::Contains("occurs twice"));
  CHECK_THAT(message(row("own", "n.pth", "01234567", "h:n")), Catch::Contains("source/model"));
  CHECK_THAT(message(row("own/..", "n.pth", "01234567", "h:n")), Catch::Contains("source/model"));
  CHECK_THAT(message(row("own/n", "../n", "01234567", "h:n")), Catch::Contains("plain file name"));
  CHECK_THAT(message(row("own/n", "n.pth", "0123", "h:n")), Catch::Contains("8 to 64"));
  CHECK_THAT(message(row("own/n", "n.pth", "0123456X", "h:n")), Catch::Contains("8 to 64"));
  CHECK_THAT(message(row("own/n", "n.pth", "01234567", "i:n")), Catch::Contains("not a list"));
  CHECK_THAT(message("{}"), Catch::Contains("not a list"));
}

TEST_CASE("official files: their names end with a hash", "[convert][cpu]") {
  CHECK(hash_in_name("resnest50-bcfefe1d.params") == "bcfefe1d");
  CHECK(hash_in_name("gluon_resnet101_v1b-3b017079.pth") == "3b017079");
  CHECK_FALSE(hash_in_name("resnest50.params"));
  CHECK_FALSE(hash_in_name("export-0000.params"));
  CHECK_FALSE(hash_in_name("resnest50-finetuned.pth"));
}

TEST_CASE("official files: every timm file is evaluated as timm does", "[convert][cpu]") {
  const MappedFile table =
      MappedFile::open(std::string(NESTOR_SOURCE_DIR) + "/tests/weights_convert/timm_configs.json");
  const auto configs = nlohmann::json::parse(
      std::string_view(reinterpret_cast<const char*>(table.bytes().data()), table.bytes().size()));
  std::size_t compared = 0;
  for (const OfficialFile& file : official_files()) {
    if (file.source != "timm") continue;
    INFO(file.name);
    REQUIRE(file.preprocess);
    CHECK(file.preprocess->contract == PreprocessContract::kTimm);
    CHECK(nlohmann::json::parse(timm_json(*file.preprocess)) ==
          configs.at("configs").at(file.name.substr(5)));
    ++compared;
    // What the zoo says for files of no hash agrees.
    const Network* const network = find_network(file.network);
    REQUIRE(network != nullptr);
    CHECK(evaluation_preprocess(*network, "timm") == without_own_normalisation(file));
  }
  CHECK(compared == 36);
}

TEST_CASE("official files: all say how their source prepares images", "[convert][cpu]") {
  for (const OfficialFile& file : official_files()) {
    INFO(file.name);
    const Network* const network = find_network(file.network);
    CHECK(file.preprocess.has_value() == (file.task == "classification" || network != nullptr));
    if (network == nullptr || !file.preprocess) continue;
    CHECK(without_own_normalisation(file) == evaluation_preprocess(*network, file.source));
  }
  CHECK(find_official_file("528c19ca0000", "timm")->name == "timm/resnest50d.in1k");
  CHECK(find_official_file("528c19ca0000", "gluoncv")->source == "resnest");
}

TEST_CASE("official files: detectors and segmenters have their own classes and sizes",
          "[convert][cpu]") {
  std::size_t detectors = 0, segmenters = 0;
  for (const OfficialFile& file : official_files()) {
    INFO(file.name);
    if (file.task == "classification") CHECK(file.num_classes == 1000);
    if (find_network(file.network) == nullptr || file.task == "classification") continue;
    const bool detects = file.task == "detection";
    CHECK(to_string(task(*find_network(file.network))) == file.task);
    CHECK(file.num_classes == (detects ? 80 : 150));
    CHECK(file.preprocess->rule == (detects ? ResizeRule::kShortSideWithin : ResizeRule::kNone));
    CHECK(file.input_size == (detects ? file.preprocess->short_side : file.preprocess->crop_size));
    ++(detects ? detectors : segmenters);
  }
  CHECK(detectors == 5);
  CHECK(segmenters == 5);
}

}  // namespace nestor
