#include "engine/plan/tuning.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "engine/atomic_file.h"
#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::string_view kFormat = "nestor-tuning";
constexpr int kVersion = 1;
constexpr int kDeepest = 6;  // a choice's members lie 5 deep
constexpr double kLongestUs = 1e9;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) {
  throw TuningError(fmt::format(format, std::forward<Args>(args)...));
}

// One object of the file, with where it is for messages.
class Object {
 public:
  Object(const json& value, std::string place) : value_(value), place_(std::move(place)) {
    if (!value_.is_object()) refuse("{} is not an object", place_);
  }

  const json& member(const char* name) const {
    const auto found = value_.find(name);
    if (found == value_.end()) refuse("{} has no '{}'", place_, name);
    return *found;
  }

  std::string text(const char* name) const {
    const json& value = member(name);
    if (!value.is_string()) refuse("{}: '{}' is not a string", place_, name);
    return checked(value.get<std::string>());
  }

  std::string checked(std::string text) const {
    const bool printable =
        std::ranges::all_of(text, [](unsigned char c) { return c >= 0x20 && c != 0x7F; });
    if (text.size() > kMaxTuningText || !printable) {
      refuse("{} has a text that is longer than {} or not printable", place_, kMaxTuningText);
    }
    return text;
  }

  std::int64_t integer(const char* name, std::int64_t least, std::int64_t most) const {
    const json& value = member(name);
    const bool fits = value.is_number_integer() &&
                      (!value.is_number_unsigned() || value.get<std::uint64_t>() < 1ULL << 62);
    const std::int64_t number = fits ? value.get<std::int64_t>() : 0;
    if (!fits || number < least || number > most) {
      refuse("{}: '{}' is no whole number from {} to {}", place_, name, least, most);
    }
    return number;
  }

  double number(const char* name, double most) const {
    const json& value = member(name);
    const double found = value.is_number() ? value.get<double>() : -1;
    if (!(found >= 0 && found <= most)) {
      refuse("{}: '{}' is no number from 0 to {}", place_, name, most);
    }
    return found;
  }

 private:
  const json& value_;
  std::string place_;
};

TunedChoice choice_of(const json& value, const std::string& place) {
  const Object object(value, place);
  return {.variant = object.text("variant"),
          .tile = object.text("tile"),
          .splits = static_cast<int>(object.integer("splits", 1, kMaxSplits)),
          .us = object.number("us", kLongestUs)};
}

Precision precision_of(const std::string& text, const std::string& place) {
  try {
    return parse_precision(text);
  } catch (const Error& error) {
    refuse("{}: {}", place, error.what());
  }
}

TuningSection section_of(const json& value, const std::string& place) {
  const Object object(value, place);
  TuningSection section{.key = {.gpu = object.text("gpu"),
                                .architecture = object.text("architecture"),
                                .toolkit = object.text("toolkit"),
                                .kernels = object.text("kernels"),
                                .precision = precision_of(object.text("precision"), place)},
                        .choices = {}};
  const json& choices = object.member("choices");
  if (!choices.is_object() || choices.size() > kMaxTunedProblems) {
    refuse("{}: 'choices' is no object of at most {} problems", place, kMaxTunedProblems);
  }
  for (const auto& [problem, choice] : choices.items()) {
    const std::string name = object.checked(problem);
    section.choices.emplace(name, choice_of(choice, fmt::format("{}: {}", place, name)));
  }
  return section;
}

// A callback that ends parsing before a document of brackets alone takes much memory.
bool not_too_deep(int depth, json::parse_event_t, json&) {
  if (depth > kDeepest) refuse("objects within objects within objects");
  return true;
}

json document_of(std::string_view text, const std::string& name) {
  if (text.size() > kMaxTuningBytes) {
    refuse("{}: {} bytes, a tuning file has at most {}", name, text.size(), kMaxTuningBytes);
  }
  try {
    return json::parse(text, not_too_deep);
  } catch (const json::exception& error) {
    refuse("{}: not JSON: {}", name, error.what());
  } catch (const TuningError& error) {
    refuse("{}: not a tuning file: {}", name, error.what());
  }
}

// What of the section is not what the key asks for; empty if it serves.
std::string difference(const TuningKey& has, const TuningKey& wanted) {
  std::string text;
  const auto compare = [&](const char* what, const std::string& found, const std::string& want) {
    if (!want.empty() && found != want) text += fmt::format("{} '{}', ", what, found);
  };
  compare("GPU", has.gpu, wanted.gpu);
  compare("architecture", has.architecture, wanted.architecture);
  compare("toolkit", has.toolkit, wanted.toolkit);
  compare("kernels", has.kernels, wanted.kernels);
  compare("precision", std::string(to_string(has.precision)),
          std::string(to_string(wanted.precision)));
  if (!text.empty()) text.resize(text.size() - 2);
  return text;
}

}  // namespace

std::string to_string(const TuningKey& key) {
  return fmt::format("{}, {}, toolkit {}, kernels {}, {}", key.gpu.empty() ? "any GPU" : key.gpu,
                     key.architecture, key.toolkit.empty() ? "any" : key.toolkit, key.kernels,
                     to_string(key.precision));
}

void TuningFile::merge(const TuningKey& key, const TunedChoices& choices) {
  auto section = std::ranges::find(sections, key, &TuningSection::key);
  if (section == sections.end()) section = sections.insert(section, {key, {}});
  for (const auto& [problem, choice] : choices) section->choices[problem] = choice;
}

const TunedChoices& TuningFile::find(const TuningKey& key) const {
  std::string others;
  for (const TuningSection& section : sections) {
    const std::string differs = difference(section.key, key);
    if (differs.empty()) return section.choices;
    if (others.size() < 4 * kMaxTuningText) others += (others.empty() ? "" : "; ") + differs;
  }
  refuse("nothing in it is for {}; {}", to_string(key),
         others.empty() ? "it is empty" : "there is: " + others);
}

TunedChoices TuningReport::choices() const {
  TunedChoices choices;
  for (const TunedProblem& tuned : problems) choices[tuned.problem] = tuned.best;
  return choices;
}

TuningFile parse_tuning(std::string_view text, const std::string& name) {
  const json document = document_of(text, name);
  const Object top(document, name);
  if (top.text("format") != kFormat) refuse("{}: not a tuning file", name);
  top.integer("version", kVersion, kVersion);
  const json& sections = top.member("sections");
  if (!sections.is_array() || sections.size() > kMaxTuningSections) {
    refuse("{}: 'sections' is no array of at most {}", name, kMaxTuningSections);
  }
  TuningFile file;
  for (const json& value : sections) {
    TuningSection section =
        section_of(value, fmt::format("{}: section {}", name, file.sections.size()));
    if (std::ranges::count(file.sections, section.key, &TuningSection::key) > 0) {
      refuse("{}: two sections are for {}", name, to_string(section.key));
    }
    file.sections.push_back(std::move(section));
  }
  return file;
}

TuningFile read_tuning(const fs::path& path) {
  try {
    const MappedFile file = MappedFile::open(path);
    return parse_tuning({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                        file.name());
  } catch (const TuningError&) {
    throw;
  } catch (const Error& error) {
    refuse("{}", error.what());
  }
}

std::string to_json(const TuningFile& file) {
  json sections = json::array();
  for (const auto& [key, choices] : file.sections) {
    json problems = json::object();
    for (const auto& [problem, choice] : choices) {
      problems[problem] = {{"variant", choice.variant},
                           {"tile", choice.tile},
                           {"splits", choice.splits},
                           {"us", choice.us}};
    }
    sections.push_back({{"gpu", key.gpu},
                        {"architecture", key.architecture},
                        {"toolkit", key.toolkit},
                        {"kernels", key.kernels},
                        {"precision", to_string(key.precision)},
                        {"choices", problems}});
  }
  const json document = {{"format", kFormat}, {"version", kVersion}, {"sections", sections}};
  std::string text = document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
  const bool fits = text.size() <= kMaxTuningBytes && file.sections.size() <= kMaxTuningSections &&
                    std::ranges::all_of(file.sections, [](const TuningSection& section) {
                      return section.choices.size() <= kMaxTunedProblems;
                    });
  CHECK_AS(kUsage, fits, "the tuning file would be larger than {} bytes: begin a new one",
           kMaxTuningBytes);
  return text;
}

void update_tuning(const fs::path& path, const TuningKey& key, const TunedChoices& choices) {
  TuningFile file;
  if (fs::exists(path)) file = read_tuning(path);
  file.merge(key, choices);
  if (path.has_parent_path()) fs::create_directories(path.parent_path());
  AtomicFile out(path);
  out.write(to_json(file));
  out.commit();
}

fs::path default_tuning_file() {
  constexpr struct {
    const char *variable, *below;
  } kPlaces[] = {{"NESTOR_TUNING", ""},
                 {"NESTOR_HOME", "tuning.json"},
                 {"XDG_CACHE_HOME", "nestor/tuning.json"},
                 {"HOME", ".cache/nestor/tuning.json"}};
  for (const auto& [variable, below] : kPlaces) {
    const char* const value = std::getenv(variable);
    if (value == nullptr || *value == '\0') continue;
    return *below == '\0' ? fs::path(value) : fs::path(value) / below;
  }
  return {};
}

}  // namespace nestor
