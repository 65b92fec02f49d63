// Golden data of networks that are not built yet: each is counted as skipped, by name.

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/golden/golden.h"

namespace nestor::golden {

namespace {

void skip_all(const std::filesystem::path& folder, Report& report) {
  std::ifstream file(folder / "cases.json");
  const auto cases = nlohmann::json::parse(file);
  std::set<std::string> networks;
  if (cases.contains("models")) {
    for (const auto& [network, rows] : cases.at("models").items()) networks.insert(network);
  } else {
    for (const auto& row : cases.at("cases")) networks.insert(row.at("model"));
  }
  for (const std::string& network : networks) {
    report.skip(network, "this network is not built yet");
  }
}

}  // namespace

void skip_detection(const std::filesystem::path& folder, Report& report) {
  skip_all(folder, report);
}

}  // namespace nestor::golden
