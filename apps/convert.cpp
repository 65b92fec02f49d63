// nestor-convert: converts weight files of other frameworks to Nestor's format.

#include "weights_convert/convert.h"

#include <fmt/core.h>

#include <array>
#include <charconv>
#include <chrono>
#include <nlohmann/json.hpp>

#include "apps/common/choices.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/messages.h"
#include "apps/common/session_options.h"
#include "apps/common/text_output.h"
#include "engine/check.h"
#include "engine/printable_text.h"
#include "graphs/zoo.h"
#include "weights_convert/fitting.h"
#include "weights_convert/inspect.h"
#include "weights_convert/synthetic/manifest.h"
#include "weights_convert/synthetic/random_weights.h"

namespace {

using namespace nestor;

constexpr int kMostClasses = 1'000'000;

struct Arguments {
  bool list = false;
  std::string inspect, format = "text";
  std::string input, output, manifest, stats, labels;
  std::uint64_t seed = 0;
  std::string storage = "fp32";
  std::vector<std::string> notes;  // KEY=TEXT
  std::string num_classes, interpolation;
  std::vector<float> mean, std;
  ConversionOptions conversion;
};

std::int64_t num_parameters(const Network& network) {
  std::int64_t count = 0;
  for (const Parameter& parameter : parameters(network, {num_classes(network)})) {
    const bool statistic =
        parameter.name.ends_with("running_mean") || parameter.name.ends_with("running_var");
    if (!statistic) count += parameter.shape.num_elements();
  }
  return count;
}

// "224", "800x1333"
std::string size_text(int height, int width) {
  return height == width ? std::to_string(height) : fmt::format("{}x{}", height, width);
}

void list_networks(bool as_json) {
  auto rows = nlohmann::ordered_json::array();
  if (!as_json) {
    fmt::print("{:26} {:>8} {:>6} {:>13} {:>8}\n", "network", "input", "crop", "parameters",
               "GMAC");
  }
  for (const Network& network : networks()) {
    const Shape input = nominal_input(network);
    const auto height = static_cast<int>(input[2]), width = static_cast<int>(input[3]);
    const double gmac = static_cast<double>(multiply_adds(network, height, width)) / 1e9;
    const auto* const contract = std::get_if<Classification>(&network.contract);
    if (as_json) {
      rows.push_back({{"network", network.name}, {"family", network.family}});
      rows.back()["task"] = to_string(task(network));
      rows.back()["input_size"] = width;
      if (contract != nullptr) rows.back()["crop_ratio"] = contract->evaluation.crop_ratio;
      rows.back()["parameters"] = num_parameters(network);
      rows.back()["gmac"] = gmac;
    } else {
      const std::string crop =
          contract == nullptr ? "-" : fmt::format("{:.3f}", contract->evaluation.crop_ratio);
      fmt::print("{:26} {:>8} {:>6} {:13} {:8.3f}\n", network.name, size_text(height, width), crop,
                 num_parameters(network), gmac);
    }
  }
  if (as_json) fmt::print("{}\n", rows.dump(1));
}

void inspect(const Arguments& arguments) {
  ReadOptions reading = arguments.conversion.reading;
  const KnownNames known(nullptr);
  reading.explains = [&known](std::span<const std::string> names) { return known.explain(names); };
  const OpenedSource source = open_source(arguments.inspect, reading);
  TextOutput output("");
  if (arguments.format == "json") {
    output.write(inspection_json(source.content));
  } else {
    output.write_printable(inspection_text(source.content));
  }
  output.finish();
}

// Reports to standard error: standard output belongs to --list and --inspect.
template <class Work>
void convert_and_report(const Arguments& arguments, Work work) {
  const auto begin = std::chrono::steady_clock::now();
  const Conversion done = work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  for (const std::string& remark : done.remarks) {
    print_message("nestor-convert", "note: " + remark);
  }
  const double megabytes = static_cast<double>(done.output_bytes) / 1e6;
  print_message(
      arguments.output,
      fmt::format("{} tensors, {:.1f} MB, source {}, {:.2f} s, {:.0f} MB/s", done.num_tensors,
                  megabytes, done.source, seconds.count(), megabytes / seconds.count()));
}

// The preprocessing that a fine-tuned model was trained with.
void add_preprocess(CLI::App& app, Arguments& arguments) {
  PreprocessChanges& changes = arguments.conversion.changes;
  const char* const group = "Preprocessing to store (default: as the weights' source evaluates)";
  app.add_option("--img-size,--crop-size", changes.crop_size,
                 "Side of the network's square input, in pixels")
      ->type_name("N")
      ->group(group);
  app.add_option("--crop-pct,--crop-ratio", changes.crop_ratio,
                 "Input size divided by the short side after resizing")
      ->type_name("RATIO")
      ->group(group);
  app.add_option("--interpolation", arguments.interpolation,
                 "Kernel to resize with: nearest, bilinear or bicubic")
      ->type_name("KERNEL")
      ->group(group);
  for (auto [name, values, help] :
       {std::tuple("--mean", &arguments.mean, "Means to subtract from RGB / 255"),
        std::tuple("--std", &arguments.std, "Standard deviations to divide by after that")}) {
    app.add_option(name, *values, help)
        ->delimiter(',')
        ->allow_extra_args(false)
        ->type_name("R,G,B")
        ->group(group);
  }
}

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("-m,--network,--model", arguments.conversion.network,
                 "Network of the weights; --list shows all (default: found by hash or tensors)")
      ->type_name("NAME")
      ->group("Conversion");
  CLI::Option* const input =
      app.add_option("-i,--input,--checkpoint", arguments.input,
                     "Weight file to convert: .params, GluonCV's .zip, .pth, .safetensors")
          ->type_name("FILE")
          ->group("Conversion");
  app.add_option("-o,--output", arguments.output, "Model file to write (safetensors)")
      ->type_name("FILE")
      ->group("Conversion");
  app.add_option(
         "--num-classes", arguments.num_classes,
         "Number of classes of the last layer, or auto for as many as the file has (default: "
         "one for each label, else the network's, usually 1000)")
      ->type_name("N")
      ->group("Conversion");
  app.add_option("--labels", arguments.labels,
                 "Class names: a text file with one per line, or JSON such as "
                 "imagenet_class_index.json")
      ->type_name("FILE")
      ->group("Conversion");
  app.add_option("--source", arguments.conversion.source,
                 "Origin of the weights: gluoncv, timm, resnest or nestor (default: found by hash "
                 "and names)")
      ->check(one_of({"gluoncv", "timm", "resnest", "nestor"}))
      ->type_name("NAME")
      ->group("Conversion");
  app.add_option("--source-sha256", arguments.conversion.source_sha256,
                 "Refuse the input file unless this is its SHA-256")
      ->transform(CLI::Validator(
          [](std::string& text) {
            for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
            const bool digest = text.size() == 64 &&
                                text.find_first_not_of("0123456789abcdef") == std::string::npos;
            return digest ? std::string() : "expected 64 hexadecimal digits";
          },
          "HEX"))
      ->type_name("HEX")
      ->group("Conversion");
  app.add_option("--storage", arguments.storage,
                 "Type to store: fp32, or fp16 for half the size: weights are rounded to fp16; "
                 "compute precision does not change")
      ->transform([](std::string name) { return canonical_precision(name); })
      ->check(one_of({"fp32", "fp16"}))
      ->capture_default_str()
      ->needs(input)
      ->type_name("TYPE")
      ->group("Conversion");
  app.add_option("--note", arguments.notes,
                 "Add this note to the model's metadata; may be repeated")
      ->allow_extra_args(false)
      ->needs(input)
      ->type_name("KEY=TEXT")
      ->group("Conversion");
  app.add_option("--ignore", arguments.conversion.ignore,
                 "Leave out tensors whose names match (* and ?); may be repeated")
      ->allow_extra_args(false)
      ->type_name("GLOB")
      ->group("Conversion");
  app.add_option("--state-dict", arguments.conversion.reading.state_dict_key,
                 "Key of the weights in a checkpoint (default: the one with the network's names)")
      ->type_name("KEY")
      ->group("Conversion");
  app.add_flag("--skip-objects", arguments.conversion.reading.skip_objects,
               "Leave out objects of unknown classes in checkpoints; nothing is run either way")
      ->group("Conversion");
  add_preprocess(app, arguments);
  app.add_option("--synthetic", arguments.manifest,
                 "Write the synthetic weights that this manifest (JSON) describes")
      ->type_name("FILE")
      ->group("Synthetic weights");
  app.add_option("--stats", arguments.stats,
                 "Values for the manifest's stored tensors (safetensors)")
      ->type_name("FILE")
      ->group("Synthetic weights");
  app.add_option("--synthetic-seed", arguments.seed,
                 "Write random, calibrated weights with this seed")
      ->type_name("N")
      ->group("Synthetic weights");
  app.add_flag("--list", arguments.list,
               "List the networks with input size, crop ratio, parameters and GMAC")
      ->group("Information");
  app.add_option("--inspect", arguments.inspect,
                 "List the tensors of a weight file of any supported format, with hashes")
      ->type_name("FILE")
      ->group("Information");
  app.add_option("--format", arguments.format, "Format of --list and --inspect: text or json")
      ->check(one_of({"text", "json"}))
      ->capture_default_str()
      ->type_name("FORMAT")
      ->group("Information");
}

void require(const CLI::App& app, std::initializer_list<const char*> options, const char* mode) {
  for (const char* option : options) {
    CHECK_AS(kUsage, app.count(option) > 0, "{} needs {}", mode, option);
  }
}

std::pair<std::string, std::string> parse_note(const std::string& note) {
  const std::size_t equals = note.find('=');
  CHECK_AS(kUsage, equals != 0 && equals != std::string::npos, "--note {:?}: expected KEY=TEXT",
           note);
  return {note.substr(0, equals), note.substr(equals + 1)};
}

std::optional<std::array<float, 3>> parse_channels(const std::vector<float>& given,
                                                   std::string_view option) {
  if (given.empty()) return {};
  CHECK_AS(kUsage, given.size() == 3, "{} has {} values, expected 3", option, given.size());
  return std::array{given[0], given[1], given[2]};
}

std::optional<int> parse_num_classes(const std::string& text) {
  if (text.empty()) return {};
  if (text == "auto") return kClassesOfFile;
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  CHECK_AS(kUsage,
           error == std::errc() && end == text.data() + text.size() && count >= 1 &&
               count <= kMostClasses,
           "--num-classes is {:?}, expected 1 to {} or auto", text, kMostClasses);
  return count;
}

// Fills in defaults and checks what CLI11 cannot.
void complete(Arguments& arguments) {
  for (const std::string* input :
       {&arguments.input, &arguments.labels, &arguments.manifest, &arguments.stats}) {
    if (!input->empty()) require_distinct("--output", arguments.output, {input, 1});
  }
  ConversionOptions& conversion = arguments.conversion;
  if (!arguments.labels.empty()) conversion.labels = arguments.labels;
  conversion.num_classes = parse_num_classes(arguments.num_classes);
  if (!arguments.interpolation.empty()) {
    conversion.changes.interpolation = parse_interpolation(arguments.interpolation);
  }
  conversion.changes.mean = parse_channels(arguments.mean, "--mean");
  conversion.changes.std = parse_channels(arguments.std, "--std");
  conversion.storage = arguments.storage == "fp16" ? DType::kFloat16 : DType::kFloat32;
  for (const std::string& note : arguments.notes) {
    CHECK_AS(kUsage, conversion.notes.insert(parse_note(note)).second, "--note {:?}: given twice",
             note);
  }
}

int run(const CLI::App& app, Arguments& arguments) {
  const bool manifest = app.count("--synthetic") > 0, seed = app.count("--synthetic-seed") > 0;
  const bool inspected = app.count("--inspect") > 0, input = app.count("--input") > 0;
  CHECK_AS(kUsage, arguments.list + inspected + manifest + seed + input == 1,
           "expected one of --input, --synthetic, --synthetic-seed, --inspect, --list; see --help");
  if (arguments.list) {
    list_networks(arguments.format == "json");
    return 0;
  }
  if (inspected) {
    inspect(arguments);
    return 0;
  }
  require(app, {"--output"}, "conversion");
  if (!input) require(app, {"--network"}, "made-up weights");
  complete(arguments);
  convert_and_report(arguments, [&] {
    if (seed) return convert_random(arguments.seed, arguments.output, arguments.conversion);
    if (input) return convert(arguments.input, arguments.output, arguments.conversion);
    require(app, {"--stats"}, "--synthetic");
    return convert_manifest(arguments.manifest, arguments.stats, arguments.output,
                            arguments.conversion);
  });
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Convert weight files of GluonCV, PyTorch and timm to Nestor's format.\n\n"
      "  nestor-convert --input resnest50-528c19ca.pth --output resnest50.safetensors\n"
      "  nestor-convert --input tuned.pth --labels names.txt -o tuned.safetensors\n"
      "  nestor-convert --inspect weights.pth\n",
      "nestor-convert");
  Arguments arguments;
  add_options(app, arguments);
  return run_command(app, argc, argv, [&] { return run(app, arguments); });
}
