// nestor-convert: weight files of other frameworks to Nestor's own.

#include "weights_convert/convert.h"

#include <fmt/core.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "engine/check.h"
#include "graphs/zoo.h"
#include "weights_convert/inspect.h"
#include "weights_convert/synthetic/manifest.h"
#include "weights_convert/synthetic/random_weights.h"

namespace {

using namespace nestor;

struct Arguments {
  bool list = false;
  std::string inspect, format = "text";
  std::string input, output, manifest, stats, labels;
  std::uint64_t seed = 0;
  std::string storage = "fp32";
  std::vector<std::string> notes;  // KEY=TEXT
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

void list_networks(bool as_json) {
  auto rows = nlohmann::ordered_json::array();
  if (!as_json) {
    fmt::print("{:26} {:>5} {:>6} {:>13} {:>8}\n", "network", "input", "crop", "parameters",
               "GMAC");
  }
  for (const Network& network : networks()) {
    const auto& [size, crop, interpolation, timm_crop] = classification(network).evaluation;
    const double gmac = static_cast<double>(multiply_adds(network, size, size)) / 1e9;
    if (as_json) {
      rows.push_back({{"network", network.name},
                      {"family", network.family},
                      {"input_size", size},
                      {"crop_ratio", crop},
                      {"parameters", num_parameters(network)},
                      {"gmac", gmac}});
    } else {
      fmt::print("{:26} {:5} {:6.3f} {:13} {:8.3f}\n", network.name, size, crop,
                 num_parameters(network), gmac);
    }
  }
  if (as_json) fmt::print("{}\n", rows.dump(1));
}

void inspect(const Arguments& arguments) {
  const OpenedSource source = open_source(arguments.inspect);
  fmt::print("{}", arguments.format == "json" ? inspection_json(source.content)
                                              : inspection_text(source.content));
}

// Reports to stderr: stdout belongs to --list and --inspect.
template <class Work>
void convert_and_report(const Arguments& arguments, Work work) {
  const auto begin = std::chrono::steady_clock::now();
  const Conversion done = work();
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  fmt::print(stderr, "{}: {} tensors, {:.1f} MB, source {}, {:.2f} s, {:.0f} MB/s\n",
             arguments.output, done.num_tensors, static_cast<double>(done.output_bytes) / 1e6,
             done.source, seconds.count(),
             static_cast<double>(done.output_bytes) / 1e6 / seconds.count());
}

void add_options(CLI::App& app, Arguments& arguments) {
  app.add_option("--network", arguments.conversion.network, "Network of the weights, see --list")
      ->type_name("NAME")
      ->group("Conversion");
  CLI::Option* const input =
      app.add_option("--input", arguments.input,
                     "Weight file: .params, GluonCV .zip, .pth, .safetensors")
          ->type_name("FILE")
          ->group("Conversion");
  app.add_option("--output", arguments.output, "Model file to write (safetensors)")
      ->type_name("FILE")
      ->group("Conversion");
  app.add_option("--num-classes", arguments.conversion.network_options.num_classes,
                 "Classes of the network's last layer (default: the network's, mostly 1000)")
      ->check(CLI::Range(1, 1'000'000))
      ->type_name("N")
      ->group("Conversion");
  app.add_option("--labels", arguments.labels, "Text file with one class name a line")
      ->type_name("FILE")
      ->group("Conversion");
  app.add_option("--source", arguments.conversion.source,
                 "Whose weights they are (default: told by hash and names)")
      ->check(CLI::IsMember({"gluoncv", "timm", "resnest", "nestor"}))
      ->type_name("NAME")
      ->group("Conversion");
  app.add_option("--source-sha256", arguments.conversion.source_sha256,
                 "SHA-256 that the input file must have")
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
                 "fp32, or fp16: half the size, as matrices are rounded; computing stays as it is")
      ->check(CLI::IsMember({"fp32", "fp16"}))
      ->capture_default_str()
      ->needs(input)
      ->type_name("TYPE")
      ->group("Conversion");
  app.add_option("--note", arguments.notes,
                 "More to say about the model in its metadata; may be repeated")
      ->allow_extra_args(false)
      ->needs(input)
      ->type_name("KEY=TEXT")
      ->group("Conversion");
  app.add_option("--synthetic", arguments.manifest, "Manifest (JSON) of made-up weights to write")
      ->type_name("FILE")
      ->group("Made-up weights");
  app.add_option("--stats", arguments.stats, "Values that the manifest calls stored (safetensors)")
      ->type_name("FILE")
      ->group("Made-up weights");
  app.add_option("--synthetic-seed", arguments.seed,
                 "Write random, calibrated weights of this seed")
      ->type_name("N")
      ->group("Made-up weights");
  app.add_flag("--list", arguments.list,
               "List the networks with input size, crop ratio, parameters, GMAC")
      ->group("Information");
  app.add_option("--inspect", arguments.inspect, "List the tensors of any weight file, with hashes")
      ->type_name("FILE")
      ->group("Information");
  app.add_option("--format", arguments.format, "Form of --list and --inspect")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->type_name("FORM")
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

// What the options leave to the network, and what CLI11 leaves to us.
void complete(const CLI::App& app, Arguments& arguments) {
  for (const std::string* input :
       {&arguments.input, &arguments.labels, &arguments.manifest, &arguments.stats}) {
    if (!input->empty()) require_distinct("--output", arguments.output, {input, 1});
  }
  ConversionOptions& conversion = arguments.conversion;
  if (!arguments.labels.empty()) conversion.labels = arguments.labels;
  if (app.count("--num-classes") == 0) {
    conversion.network_options.num_classes = num_classes(require_network(conversion.network));
  }
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
  require(app, {"--network", "--output"}, "conversion");
  complete(app, arguments);
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
  CLI::App app("Converts weight files of GluonCV and PyTorch to Nestor's format.",
               "nestor-convert");
  Arguments arguments;
  add_options(app, arguments);
  return run_command(app, argc, argv, [&] { return run(app, arguments); });
}
