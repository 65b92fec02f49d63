#include "engine/plan/tuning.h"

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

namespace nestor {

namespace {

namespace fs = std::filesystem;
using Catch::Contains;

const TuningKey kKey{.gpu = "Tesla V100",
                     .architecture = "sm_70",
                     .toolkit = "12.4",
                     .kernels = "0.1.0 api 4",
                     .precision = Precision::kFp16};
const TunedChoice kChoice{
    .variant = "convolution_sm70", .tile = "convolution_sm70_128x128", .splits = 2, .us = 31.5};

class Folder {
 public:
  Folder() {
    char name[] = "/tmp/nestor-tuning-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~Folder() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  fs::path path_;
};

void write(const fs::path& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string choice_json(std::string_view splits, std::string_view us = "1.5",
                        std::string_view tile = "\"t\"") {
  return fmt::format(R"({{"variant": "v", "tile": {}, "splits": {}, "us": {}}})", tile, splits, us);
}

// A file of one section with that choice.
std::string file_json(std::string_view choice, std::string_view gpu = "g") {
  return fmt::format(
      R"({{"format": "nestor-tuning", "version": 1, "sections": [{{"gpu": "{}", )"
      R"("architecture": "sm_70", "toolkit": "12.4", "kernels": "k", "precision": "fp16", )"
      R"("choices": {{"problem": {}}}}}]}})",
      gpu, choice);
}

std::string refusal(const std::string& text) {
  try {
    parse_tuning(text, "file.json");
  } catch (const TuningError& error) {
    CHECK_THAT(error.what(), Contains("file.json"));
    return error.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("tuning files: what was written is read", "[tuning][cpu]") {
  const Folder folder;
  const fs::path path = folder / "new/tuning.json";
  update_tuning(path, kKey, {{"a", kChoice}, {"b", kChoice}});
  TunedChoice slower = kChoice;
  slower.tile = "";
  slower.us = 0;
  update_tuning(path, kKey, {{"b", slower}, {"c", kChoice}});
  TuningKey other = kKey;
  other.precision = Precision::kFp32;
  update_tuning(path, other, {{"a", slower}});
  const TuningFile file = read_tuning(path);
  CHECK(file.find(kKey) == TunedChoices{{"a", kChoice}, {"b", slower}, {"c", kChoice}});
  CHECK(file.find(other) == TunedChoices{{"a", slower}});
}

TEST_CASE("tuning files: a section serves its own device alone", "[tuning][cpu]") {
  TuningFile file;
  file.merge(kKey, {{"a", kChoice}});
  const auto refused = [&](TuningKey key) -> std::string {
    try {
      file.find(key);
    } catch (const TuningError& error) {
      return error.what();
    }
    return "served";
  };
  TuningKey key = kKey;
  key.gpu = "A100";
  CHECK_THAT(refused(key), Contains("A100") && Contains("Tesla V100"));
  key = kKey;
  key.architecture = "sm_80";
  CHECK_THAT(refused(key), Contains("sm_80") && Contains("sm_70"));
  key = kKey;
  key.toolkit = "13.0";
  CHECK_THAT(refused(key), Contains("13.0") && Contains("12.4"));
  key = kKey;
  key.kernels = "0.2.0 api 9";
  CHECK_THAT(refused(key), Contains("api 9") && Contains("api 4"));
  key = kKey;
  key.precision = Precision::kFp32;
  CHECK_THAT(refused(key), Contains("fp32") && Contains("fp16"));
  // A device that is only described has no name and no toolkit.
  key = kKey;
  key.gpu = key.toolkit = "";
  CHECK(refused(key) == "served");
  CHECK_THROWS_WITH(TuningFile().find(kKey), Contains("empty"));
}

TEST_CASE("tuning files: broken ones are refused with the reason", "[tuning][cpu]") {
  CHECK(refusal(file_json(choice_json("1"))) == "accepted");
  CHECK(refusal(file_json(choice_json("64", "0"))) == "accepted");
  CHECK_THAT(refusal(""), Contains("not JSON"));
  CHECK_THAT(refusal("{"), Contains("not JSON"));
  CHECK_THAT(refusal("[]"), Contains("not an object"));
  CHECK_THAT(refusal("{}"), Contains("'format'"));
  CHECK_THAT(refusal(R"({"format": "other"})"), Contains("not a tuning file"));
  CHECK_THAT(refusal(R"({"format": "nestor-tuning", "version": 2})"), Contains("version"));
  CHECK_THAT(refusal(R"({"format": "nestor-tuning", "version": 1, "sections": {}})"),
             Contains("sections"));
  CHECK_THAT(refusal(std::string(100'000, '[')), Contains("objects within"));
  for (const char* const splits :
       {"0", "-1", "65", "1.5", "\"1\"", "18446744073709551615", "null"}) {
    CHECK_THAT(refusal(file_json(choice_json(splits))), Contains("'splits'"));
  }
  for (const char* const us : {"-1", "1e300", "\"1\"", "null"}) {
    CHECK_THAT(refusal(file_json(choice_json("1", us))), Contains("'us'"));
  }
  CHECK_THAT(refusal(file_json(choice_json("1", "1e999"))), Contains("not JSON"));
  CHECK_THAT(refusal(file_json(choice_json("1", "1", "7"))), Contains("'tile'"));
  CHECK_THAT(refusal(file_json(choice_json("1"), std::string(257, 'g'))), Contains("longer"));
  CHECK_THAT(refusal(file_json(choice_json("1"), "a\\u001b[2J")), Contains("not printable"));
  CHECK_THAT(refusal(file_json(choice_json("1"), "\xff\xfe")), Contains("not JSON"));
  CHECK_THAT(refusal(file_json("{}")), Contains("'variant'"));
  CHECK_THAT(refusal(file_json("[]")), Contains("not an object"));
  const std::string one = file_json(choice_json("1"));
  const std::size_t begin = one.find('[') + 1, end = one.rfind(']');
  const std::string section = one.substr(begin, end - begin);
  CHECK_THAT(refusal(one.substr(0, end) + "," + section + "]}"), Contains("two sections"));
  std::string many = one.substr(0, begin);
  for (std::size_t i = 0; i <= kMaxTuningSections; ++i) many += i == 0 ? "1" : ",1";
  CHECK_THAT(refusal(many + "]}"), Contains("at most 64"));
  CHECK_THAT(refusal(one + std::string(kMaxTuningBytes, ' ')), Contains("at most"));
}

TEST_CASE("tuning files: one that is none is neither read nor written over", "[tuning][cpu]") {
  const Folder folder;
  CHECK_THROWS_AS(read_tuning(folder / "absent.json"), TuningError);
  CHECK_THROWS_AS(read_tuning(folder / "."), TuningError);
  write(folder / "notes.txt", "not to be lost");
  CHECK_THROWS_AS(update_tuning(folder / "notes.txt", kKey, {{"a", kChoice}}), TuningError);
  std::ifstream in(folder / "notes.txt");
  CHECK(std::string(std::istreambuf_iterator<char>(in), {}) == "not to be lost");
  // More than could be read again is not written.
  TunedChoices too_many;
  for (std::size_t i = 0; i <= kMaxTunedProblems; ++i) too_many[std::to_string(i)] = kChoice;
  CHECK_THROWS_AS(update_tuning(folder / "large.json", kKey, too_many), Error);
  CHECK_FALSE(fs::exists(folder / "large.json"));
}

}  // namespace nestor
