// Parameter names: what PyTorch and older Gluon call the tensors of each network.
//
//   models/NETWORK.torch.manifest.json    {"entries": [{"name", "shape"}, ...]}
//   models/NETWORK.legacy.json            {"prefix", "names": [{"legacy", "structural"}, ...]}

#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "graphs/zoo.h"
#include "tests/golden/golden.h"
#include "weights_convert/rename/naming.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kTorch = ".torch.manifest.json", kLegacy = ".legacy.json";

json load(const fs::path& path) {
  std::ifstream file(path);
  return json::parse(file);
}

CanonicalNames canonical(const Network& network, const std::vector<std::string>& names) {
  return canonical_names(name_table(network), parameters(network, {}), names);
}

// All parameters of the network must come out, each with its shape, and nothing else.
void compare_torch(const Network& network, const json& manifest, Report& report) {
  std::vector<std::string> names;
  for (const json& entry : manifest.at("entries")) names.push_back(entry.at("name"));
  const CanonicalNames found = canonical(network, names);
  std::set<std::pair<std::string, std::string>> got, wanted;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!found.names[i]) continue;
    const auto dims = manifest["entries"][i].at("shape").get<std::vector<std::int64_t>>();
    got.emplace(*found.names[i], Shape(dims).to_string());
  }
  for (const Parameter& parameter : parameters(network, {})) {
    wanted.emplace(parameter.name, parameter.shape.to_string());
  }
  report.check(found.style == NamingStyle::kTorch && got == wanted, network.name, "PyTorch names",
               fmt::format("{} of {}", got.size(), wanted.size()));
}

void compare_legacy(const Network& network, const json& facts, bool stripped, Report& report) {
  const auto prefix = facts.at("prefix").get<std::string>();
  std::vector<std::string> names;
  for (const json& row : facts.at("names")) {
    const auto name = row.at("legacy").get<std::string>();
    names.push_back(stripped && name.starts_with(prefix) ? name.substr(prefix.size()) : name);
  }
  const CanonicalNames found = canonical(network, names);
  std::size_t equal = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    equal += found.names[i] == facts["names"][i].at("structural").get<std::string>();
  }
  report.check(found.style == NamingStyle::kLegacy && equal == names.size(), network.name,
               stripped ? "stripped Gluon names" : "older Gluon names",
               fmt::format("{} of {}", equal, names.size()));
}

}  // namespace

void compare_names(const fs::path& folder, Report& report) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder / "models")) files.push_back(entry.path());
  std::ranges::sort(files);
  for (const fs::path& path : files) {
    const std::string file = path.filename().string();
    const bool torch = file.ends_with(kTorch);
    if (!torch && !file.ends_with(kLegacy)) continue;
    const std::string name = file.substr(0, file.size() - (torch ? kTorch : kLegacy).size());
    const Network* network = find_network(name);
    if (network == nullptr) {
      report.skip(name, "names: this network is not built yet");
    } else if (torch) {
      compare_torch(*network, load(path), report);
    } else {
      compare_legacy(*network, load(path), /*stripped=*/false, report);
      compare_legacy(*network, load(path), /*stripped=*/true, report);
    }
  }
}

}  // namespace nestor::golden
