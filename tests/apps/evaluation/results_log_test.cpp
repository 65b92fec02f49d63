#include "apps/evaluation/results_log.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "nestor/error.h"
#include "tests/support/weight_files.h"

using namespace nestor;
using Catch::Matchers::Contains;
using Json = nlohmann::ordered_json;

namespace {

const Json kRun = {{"model", "a.safetensors"}};

}  // namespace

TEST_CASE("results come back to a run that goes on", "[evaluation]") {
  const test::TemporaryFolder folder;
  const ResultsLogOptions options{(folder.path() / "results.jsonl").string(), true};
  {
    ResultsLog log(options, kRun);
    CHECK(log.earlier().empty());
    log.add({{"image", "a"}});
    log.add({{"image", "b"}});
  }
  {
    ResultsLog log(options, kRun);
    REQUIRE(log.earlier().size() == 2);
    CHECK(log.earlier()[1]["image"] == "b");
    log.add({{"image", "c"}});
  }
  CHECK(ResultsLog(options, kRun).earlier().size() == 3);
}

TEST_CASE("a line that was cut off is written anew", "[evaluation]") {
  const test::TemporaryFolder folder;
  const ResultsLogOptions options{(folder.path() / "results.jsonl").string(), true};
  ResultsLog(options, kRun).add({{"image", "a"}});
  const std::uintmax_t complete = std::filesystem::file_size(options.path);
  ResultsLog(options, kRun).add({{"image", "b"}});
  for (std::uintmax_t size = std::filesystem::file_size(options.path) - 1; size >= complete;
       --size) {
    std::filesystem::resize_file(options.path, size);
    CHECK(ResultsLog(options, kRun).earlier().size() == 1);
    CHECK(std::filesystem::file_size(options.path) == complete);
  }
  std::filesystem::resize_file(options.path, 3);  // of the first line
  CHECK(ResultsLog(options, kRun).earlier().empty());
  CHECK(ResultsLog(options, kRun).earlier().empty());
}

TEST_CASE("results of another run, or without --resume, are left alone", "[evaluation]") {
  const test::TemporaryFolder folder;
  const std::string path = (folder.path() / "results.jsonl").string();
  ResultsLog({path, false}, kRun).add({{"image", "a"}});
  const std::uintmax_t size = std::filesystem::file_size(path);
  CHECK_THROWS_WITH(ResultsLog({path, false}, kRun), Contains("--resume"));
  CHECK_THROWS_WITH(ResultsLog({path, true}, {{"model", "b"}}), Contains("another run"));
  CHECK(std::filesystem::file_size(path) == size);
}

TEST_CASE("files that hold no results are refused", "[evaluation]") {
  const test::TemporaryFolder folder;
  const std::string deep = "{\"a\": " + std::string(100'000, '[') + "\n";
  for (const std::string& text : {std::string("text\n"), std::string("[]\n"), deep}) {
    const std::string path = folder.write("results.jsonl", text).string();
    const auto [code, message] = test::error_of([&] { ResultsLog({path, true}, kRun); });
    CHECK(code == ErrorCode::kBadInput);
    CHECK(std::filesystem::file_size(path) == text.size());
  }
  const ResultsLog none({"", false}, kRun);  // nothing is kept
  CHECK(none.earlier().empty());
}
