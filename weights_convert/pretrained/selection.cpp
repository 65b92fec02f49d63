#include "weights_convert/pretrained/selection.h"

#include <algorithm>
#include <filesystem>

#include "engine/check.h"
#include "engine/nearest_names.h"

namespace nestor {

namespace {

constexpr std::string_view kOption = "--pretrained";
constexpr std::string_view kSources[] = {"gluoncv", "resnest", "timm", "cadene"};
constexpr std::size_t kMinHashDigits = 8;

bool is_hash(std::string_view text) {
  return text.size() >= kMinHashDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool has_hash(const OfficialFile& file, std::string_view hash) {
  return is_hash(hash) &&
         (file.hash_prefix.starts_with(hash) || hash.starts_with(file.hash_prefix));
}

std::string_view model_of(const OfficialFile& file) {
  return std::string_view(file.name).substr(file.source.size() + 1);
}

// "in1k" of "timm/resnest50d.in1k"; empty if there is none.
std::string_view tag_of(const OfficialFile& file) {
  const std::string_view model = model_of(file);
  const std::size_t dot = model.find('.');
  return dot == std::string_view::npos ? std::string_view() : model.substr(dot + 1);
}

bool has_file_name(const OfficialFile& file, std::string_view name) {
  return name == file.file || name == file.file.substr(0, file.file.rfind('.'));
}

bool can_only_be_a_value(std::string_view argument) {
  if (std::ranges::find(kSources, argument) != std::end(kSources) || is_hash(argument)) return true;
  const bool word = !argument.empty() && argument != "-" &&
                    argument.find_first_of("./@*?[-") != 0 &&
                    argument.find_first_of("./\\*?[") == std::string_view::npos;
  return word && !std::filesystem::exists(argument);
}

std::string described(const OfficialFile& file) {
  return fmt::format("{} ({}, {})", file.source,
                     tag_of(file).empty() ? model_of(file) : tag_of(file),
                     file.hash_prefix.substr(0, kMinHashDigits));
}

// All names that users may give weights by.
std::vector<std::string> names_of(std::span<const OfficialFile> files) {
  std::vector<std::string> names;
  for (const OfficialFile& file : files) {
    names.push_back(file.network);
    names.push_back(file.name);
    names.emplace_back(model_of(file));
  }
  return names;
}

}  // namespace

const OfficialFile& select_by_name(std::span<const OfficialFile> files, std::string_view name) {
  const auto found = std::ranges::find_if(files, [name](const OfficialFile& file) {
    return is_called(file, name) || name == file.network || has_file_name(file, name) ||
           has_hash(file, name);
  });
  CHECK_AS(kUsage, found != files.end(),
           "no official weights are called '{}'{}; `nestor-weights list` shows all", name,
           did_you_mean(name, names_of(files)));
  return *found;
}

const OfficialFile& select_for_network(std::span<const OfficialFile> files,
                                       std::string_view network, std::string_view which) {
  CHECK_AS(kUsage, !network.empty() || which != kAnyWeights,
           "--pretrained needs --network NAME, or the weights' name or hash");
  std::string others;
  for (const OfficialFile& file : files) {
    if (!network.empty() && file.network != network && !is_called(file, network)) continue;
    if (which == kAnyWeights || which == file.source || which == tag_of(file) ||
        is_called(file, which) || has_file_name(file, which) || has_hash(file, which)) {
      return file;
    }
    others += (others.empty() ? "" : ", ") + described(file);
  }
  if (network.empty()) {
    fail(ErrorCode::kUsage, "no official weights {:?}; `nestor-weights list` shows all", which);
  }
  CHECK_AS(kUsage, !others.empty(),
           "no official weights for '{}'{}; `nestor-weights list` shows all", network,
           did_you_mean(network, names_of(files)));
  fail(ErrorCode::kUsage, "no official weights {:?} for {}; there are {}", which, network, others);
}

std::vector<std::string> join_pretrained_value(std::span<const std::string_view> arguments) {
  std::vector<std::string> joined;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string argument(arguments[i]);
    if (argument == "--") {  // images only from here on
      joined.insert(joined.end(), arguments.begin() + static_cast<std::ptrdiff_t>(i),
                    arguments.end());
      break;
    }
    if (argument == kOption || argument == "--pretrained=") {
      const bool has_value = i + 1 < arguments.size() && can_only_be_a_value(arguments[i + 1]);
      argument = std::string(kOption) + "=";
      argument += has_value ? arguments[++i] : kAnyWeights;
    }
    joined.push_back(std::move(argument));
  }
  return joined;
}

}  // namespace nestor
