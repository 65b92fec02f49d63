// nestor-weights: lists, fetches and checks the official weights.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/common/choices.h"
#include "apps/common/command.h"
#include "apps/common/environment.h"
#include "apps/common/messages.h"
#include "apps/common/pretrained_options.h"
#include "apps/common/text_output.h"
#include "engine/check.h"
#include "engine/digest.h"
#include "engine/printable_text.h"
#include "engine/weights/weight_file.h"
#include "graphs/zoo.h"
#include "weights_convert/pretrained/hub.h"
#include "weights_convert/pretrained/payload.h"
#include "weights_convert/pretrained/plain_file.h"
#include "weights_convert/pretrained/pull.h"
#include "weights_convert/pretrained/record.h"
#include "weights_convert/pretrained/selection.h"

namespace {

using namespace nestor;
namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

struct Options {
  std::string network;
  bool json = false, original = false;
  std::vector<std::string> names;
  std::string file;
  PretrainedOptions pretrained;
};

void note(const std::string& line) { print_message("nestor-weights", line); }

// One path per line on standard output, for scripts.
void print_path(const fs::path& path) {
  TextOutput output("");
  output.write_printable(path.string() + "\n");
  output.finish();
}

bool is_runnable(const OfficialFile& file) { return find_network(file.network) != nullptr; }

// As it was published, or in the format that the hub has it in; empty where neither is here.
fs::path unconverted(const OfficialFile& file, const WeightCache& cache) {
  for (const fs::path& path : cache.originals(file)) return path;
  if (is_plain_file(cache.from_hub(file))) return cache.from_hub(file);
  for (const HubFile& cached : hub_cached(file)) return cached.path;
  return {};
}

bool is_cached(const OfficialFile& file, const WeightCache& cache) {
  return cache.has_model(file) || !unconverted(file, cache).empty();
}

// The size of the file itself if it is on this machine, else of the network's float32 parameters;
// 0: unknown.
std::uintmax_t size_bytes(const OfficialFile& file, const WeightCache& cache) {
  const std::vector<fs::path> originals = cache.originals(file);
  if (!originals.empty()) return fs::file_size(originals.front());
  const Network* const network = find_network(file.network);
  if (network == nullptr) return 0;
  std::uintmax_t count = 0;
  for (const Parameter& parameter : parameters(*network, {.num_classes = file.num_classes})) {
    count += static_cast<std::uintmax_t>(parameter.shape.num_elements());
  }
  return count * sizeof(float);
}

// In timm's words for classifiers, else as model files have it.
Json preprocess_json(const OfficialFile& file) {
  if (!file.preprocess) return {};
  const bool crops = file.preprocess->rule == ResizeRule::kCrop;
  return Json::parse(crops ? timm_json(*file.preprocess) : to_json(*file.preprocess));
}

Json row_json(const OfficialFile& file, const WeightCache& cache) {
  Json accuracy = Json::object();
  for (const auto& [measure, value] : file.accuracy) accuracy[measure] = value;
  const std::uintmax_t bytes = size_bytes(file, cache);
  return {{"name", file.name},
          {"source", file.source},
          {"network", file.network},
          {"task", file.task},
          {"runnable", is_runnable(file)},
          {"file", file.file},
          {file.hash_kind == HashKind::kSha1 ? "sha1" : "sha256", file.hash_prefix},
          {"input_size", file.input_size},
          {"preprocess", preprocess_json(file)},
          {"accuracy", accuracy},
          {"size_bytes", bytes == 0 ? Json() : Json(bytes)},
          {"cached", is_cached(file, cache)},
          {"note", file.note}};
}

std::string row_text(const OfficialFile& file, const WeightCache& cache) {
  std::string accuracy;
  for (const auto& [measure, value] : file.accuracy) {
    accuracy += fmt::format("{}{} {:.2f}", accuracy.empty() ? "" : ", ", measure, value);
  }
  const std::uintmax_t bytes = size_bytes(file, cache);
  return fmt::format("{:46} {:38} {:5}  {:36} {:>7}  {:6} {}\n", file.name,
                     is_runnable(file) ? file.network : "(" + file.task + ")", file.input_size,
                     accuracy,
                     bytes == 0 ? "-" : fmt::format("{:.0f} MB", static_cast<double>(bytes) / 1e6),
                     is_cached(file, cache) ? "cached" : "-", file.note);
}

int list(const Options& options) {
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained);
  const WeightCache cache;
  Json rows = Json::array();
  std::string text = fmt::format("{:46} {:38} {:>5}  {:36} {:>7}  {}\n", "name", "network", "input",
                                 "published accuracy, %", "size", "here");
  for (const OfficialFile& file : files) {
    const std::string& wanted = options.network;
    if (!wanted.empty() && file.network != wanted && !is_called(file, wanted)) continue;
    rows.push_back(row_json(file, cache));
    text += row_text(file, cache);
  }
  if (rows.empty()) select_for_network(files, options.network, kAnyWeights);  // says why
  TextOutput output("");
  if (options.json) {
    output.write(rows.dump(1) + "\n");
  } else {
    output.write_printable(text);
  }
  output.finish();
  return 0;
}

std::vector<const OfficialFile*> selected(const std::vector<OfficialFile>& files,
                                          const std::vector<std::string>& names) {
  std::vector<const OfficialFile*> found;
  for (const std::string& name : names) found.push_back(&select_by_name(files, name));
  return found;
}

// With --network, names are those that --pretrained takes; without one, its first weights are meant.
std::vector<const OfficialFile*> selected_to_pull(const std::vector<OfficialFile>& files,
                                                  const Options& options) {
  CHECK_AS(kUsage, !options.names.empty() || !options.network.empty(),
           "no weights: give a NAME, or --network NAME");
  if (options.network.empty()) return selected(files, options.names);
  if (options.names.empty()) return {&select_for_network(files, options.network, kAnyWeights)};
  std::vector<const OfficialFile*> found;
  for (const std::string& name : options.names) {
    found.push_back(&select_for_network(files, options.network, name));
  }
  return found;
}

int pull(const Options& options) {
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained);
  const WeightCache cache;
  for (const OfficialFile* const file : selected_to_pull(files, options)) {
    const fs::path path = is_runnable(*file) && !options.original
                              ? pull_model(*file, cache, options.pretrained, note)
                              : pull_original(*file, cache, options.pretrained, note);
    print_path(path);
  }
  return 0;
}

int path(const Options& options) {
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained);
  const WeightCache cache;
  for (const OfficialFile* const file : selected(files, options.names)) {
    const bool model = cache.has_model(*file) && !options.original;
    const fs::path found = model ? cache.model(*file) : unconverted(*file, cache);
    CHECK_AS(kBadInput, !found.empty(),
             "{} is not on this machine; `nestor-weights pull {}` fetches it", file->name,
             file->name);
    print_path(found);
  }
  return 0;
}

// Prints a line, and returns `good`.
bool verified(const fs::path& path, bool good) {
  fmt::print("{:8} {}\n", good ? "ok" : "damaged", printable(path.string()));
  return good;
}

// Reads the whole file, whatever its date.
bool has_recorded_digest(const fs::path& path) {
  const std::optional<Record> record = read_record(record_path(path));
  return record && record->sha256 == record_of(path).sha256;
}

int verify(const Options& options) {
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained);
  const WeightCache cache;
  std::vector<const OfficialFile*> chosen = selected(files, options.names);
  for (const OfficialFile* const file : chosen) {
    CHECK_AS(kBadInput, is_cached(*file, cache), "{} is not on this machine", file->name);
  }
  if (options.names.empty()) {
    for (const OfficialFile& file : files) chosen.push_back(&file);
  }
  bool good = true;
  std::vector<fs::path> seen;  // two names may stand for one file
  for (const OfficialFile* const file : chosen) {
    for (const fs::path& original : cache.originals(*file)) {
      if (std::ranges::find(seen, original) != seen.end()) continue;
      seen.push_back(original);
      good &= verified(original, has_digest(MappedFile::open(original).bytes(), *file));
    }
    for (const fs::path& path : {cache.from_hub(*file), cache.model(*file)}) {
      if (is_plain_file(path)) good &= verified(path, has_recorded_digest(path));
    }
    for (const auto& [path, sha256] : hub_cached(*file)) {
      good &= verified(path, sha256_hex(MappedFile::open(path).bytes()) == sha256);
    }
  }
  CHECK_AS(kBadModel, good,
           "damaged files: `nestor-weights remove NAME` and then `pull NAME` replace them");
  return 0;
}

int remove(const Options& options) {
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained);
  const WeightCache cache;
  for (const OfficialFile* const file : selected(files, options.names)) {
    const FileLock held = cache.lock(*file, [&] { note(file->name + " is in use, waiting"); });
    int removed = 0;
    for (const fs::path& path :
         {cache.original(*file), cache.model(*file), record_path(cache.model(*file)),
          cache.from_hub(*file), record_path(cache.from_hub(*file)), cache.partial(*file)}) {
      removed += fs::remove(path) ? 1 : 0;
    }
    if (removed == 0) note(file->name + " was not in the cache");
    for (const fs::path& other : cache.originals(*file)) {
      note(fmt::format("{} belongs to another program and stays", other.string()));
    }
  }
  return 0;
}

int import(const Options& options) {
  const std::vector<OfficialFile> files = pretrained_files(options.pretrained);
  const WeightCache cache;
  const OfficialFile& file = import_file(options.file, files, cache, note);
  note(fmt::format("{} is {}", options.file, file.name));
  const fs::path path =
      is_runnable(file) ? pull_model(file, cache, {.offline = true}, note) : cache.original(file);
  print_path(path);
  return 0;
}

using Work = int (*)(const Options&);

CLI::App& add_command(CLI::App& app, Options& options, const char* name, const char* help,
                      Work work, Work& chosen) {
  CLI::App& command = *app.add_subcommand(name, help);
  command.callback([work, &chosen] { chosen = work; });
  add_list_option(command, options.pretrained);
  return command;
}

CLI::Option* add_names(CLI::App& command, Options& options) {
  return command
      .add_option("names", options.names,
                  "Name in the list, network, file name, or 8 digits of the file's hash")
      ->type_name("NAME");
}

void add_original(CLI::App& command, Options& options) {
  command.add_flag("--original", options.original,
                   "Use the file as published instead of the model converted from it");
}

void add_commands(CLI::App& app, Options& options, Work& chosen) {
  app.require_subcommand(1);
  CLI::App& listing = add_command(app, options, "list", "Show all official weights", list, chosen);
  listing.add_option("--network", options.network, "Show only the weights of this network")
      ->type_name("NAME");
  listing
      .add_option_function<std::string>(
          "--format", [&](const std::string& format) { options.json = format == "json"; },
          "Format of the list: text or json")
      ->check(one_of({"text", "json"}))
      ->type_name("FORMAT")
      ->default_str("text");

  CLI::App& pulling =
      add_command(app, options, "pull", "Download, verify and convert weights; print their paths",
                  pull, chosen);
  add_names(pulling, options);
  pulling
      .add_option(
          "--network", options.network,
          "Choose among the weights of this network: a NAME is then also a source (gluoncv) "
          "or a tag (in1k); without one, take the first in the list")
      ->type_name("NAME");
  add_original(pulling, options);
  add_download_options(pulling, options.pretrained);

  CLI::App& showing =
      add_command(app, options, "path",
                  "Print the path of the model, for nestor-classify --weights", path, chosen);
  add_names(showing, options)->required();
  add_original(showing, options);

  add_names(
      add_command(app, options, "verify",
                  "Check cached files, all or those named, against their hashes", verify, chosen),
      options);
  add_names(add_command(app, options, "remove", "Remove weights from the cache", remove, chosen),
            options)
      ->required();
  add_command(app, options, "import",
              "Add a weight file that you already have; its hash identifies it", import, chosen)
      .add_option("file", options.file,
                  "Weight file: .params, GluonCV's .zip, .pth or .safetensors")
      ->required()
      ->type_name("FILE");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Fetch and manage the official weights of GluonCV, the ResNeSt repository and timm.\n\n"
      "  nestor-weights list --network resnest50\n"
      "  nestor-weights pull resnest50 timm/resnest101e.in1k\n"
      "  nestor-weights import Downloads/resnest50-528c19ca.pth\n",
      "nestor-weights");
  Options options;
  Work work = nullptr;
  add_commands(app, options, work);
  return run_command(
      app, argc, argv, [&] { return work(options); },
      joined({kCacheEnvironment, kWeightsEnvironment}));
}
