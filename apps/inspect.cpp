// nestor-inspect: shows what a model file holds, how it runs, and images as the network sees them.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <numeric>

#include "apps/common/choices.h"
#include "apps/common/command.h"
#include "apps/common/distinct_files.h"
#include "apps/common/environment.h"
#include "apps/common/preprocess_options.h"
#include "apps/common/published.h"
#include "apps/common/session_options.h"
#include "apps/common/text_output.h"
#include "apps/common/tuning.h"
#include "apps/drawing/png.h"
#include "engine/check.h"
#include "engine/digest.h"
#include "engine/graph/passes/pass.h"
#include "engine/printable_text.h"
#include "engine/session_internals.h"
#include "engine/weights/weight_file.h"
#include "library/model_info.h"
#include "weights_convert/official_files.h"

namespace {

using namespace nestor;
using Json = nlohmann::ordered_json;

constexpr int kProfileRuns = 20;
constexpr int kMostPixels = 65'535;  // a side, and images in a batch

struct Options {
  std::string weights;
  std::string network;
  std::string image;
  std::string output, input_output;
  bool json = false;
  bool plan = false, passes = false, profile = false, tune = false;
  TuneOptions tune_options;
  std::int64_t batch = 1, height = 0, width = 0;
  PreprocessOptions preprocess;
  DeviceOptions device;
};

void add_options(CLI::App& app, Options& options) {
  app.add_option("weights", options.weights, "Model file written by nestor-convert")
      ->type_name("MODEL")
      ->group("Model");
  app.add_option("-m,--network", options.network, "Network that the model must hold")
      ->type_name("NAME")
      ->group("Model");
  app.add_flag("--plan", options.plan, "Show the steps, buffers and memory of the plan")
      ->group("Plan");
  app.add_flag("--passes", options.passes, "Show the graph before and after each pass")
      ->group("Plan");
  app.add_flag("--profile", options.profile, "Run the plan and show the time of each step")
      ->group("Plan");
  app.add_flag("--tune", options.tune,
               "Time the candidates for each step of the plan on the GPU and keep the fastest in "
               "the tuning file")
      ->group("Plan");
  add_tune_options(app, options.tune_options, "Plan");
  app.add_option("-b,--batch,--batch-size", options.batch, "Images per batch")
      ->capture_default_str()
      ->check(CLI::Range(1, kMostPixels))
      ->group("Plan");
  app.add_option("--height", options.height, "Input height (default: the network's)")
      ->check(CLI::Range(1, kMostPixels))
      ->group("Plan");
  app.add_option("--width", options.width, "Input width (default: the height)")
      ->check(CLI::Range(1, kMostPixels))
      ->group("Plan");
  add_device_options(app, options.device);

  CLI::Option* const image =
      app.add_option(
             "--image", options.image,
             "Show this image as it is decoded, and as a network gets it: the model, if one "
             "is named too")
          ->type_name("FILE")
          ->group("Images");
  add_decode_options(app, options.preprocess);
  add_preprocess_options(app, options.preprocess);
  app.add_option("-o,--output", options.output, "Write the decoded image to this file, as PNG")
      ->type_name("FILE")
      ->needs(image)
      ->group("Images");
  app.add_option("--output-input", options.input_output,
                 "Write the network's input, before normalisation, to this file, as PNG")
      ->type_name("FILE")
      ->needs(image)
      ->group("Images");

  app.add_option_function<std::string>(
         "--format", [&](const std::string& format) { options.json = format == "json"; },
         "Format of the results: text or json")
      ->check(one_of({"text", "json"}))
      ->type_name("FORMAT")
      ->default_str("text")
      ->group("Results");
}

Json shape_json(const Shape& shape) {
  return std::vector<std::int64_t>(shape.dims().begin(), shape.dims().end());
}

// How the model prepares images, or without one the source that --preprocess names.
Preprocess preprocess_of(const Options& options) {
  if (!options.weights.empty()) {
    return preprocess_with(options.preprocess, read_model_info(WeightFile::open(options.weights)));
  }
  const PreprocessContract contract = options.preprocess.contract.empty()
                                          ? PreprocessContract::kGluoncv
                                          : parse_preprocess_contract(options.preprocess.contract);
  return changed_by(options.preprocess, {.contract = contract});
}

std::string sha256_of(const Image& image) {
  return sha256_hex(std::as_bytes(std::span(image.rgb)));
}

// Nothing, and why, for an image that is too small or too elongated.
std::optional<Image> network_input(const Image& image, const Preprocess& preprocess,
                                   const std::string& name, std::string& why_not) {
  try {
    return resize_and_crop(image, preprocess, name);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kBadInput) throw;
    why_not = error.what();
    return std::nullopt;
  }
}

Json input_json(const std::optional<Image>& input, const Preprocess& preprocess,
                const std::string& why_not) {
  if (!input) return {{"error", why_not}};
  return {{"width", input->width},
          {"height", input->height},
          {"sha256", sha256_of(*input)},
          {"preprocess", Json::parse(to_json(preprocess))}};
}

std::string orientation_text(const DecodedImage& decoded, bool applied) {
  return fmt::format("EXIF orientation {}{}", decoded.orientation,
                     decoded.orientation == 1 ? ""
                     : applied                ? " (applied)"
                                              : " (not applied)");
}

void inspect_image(const Options& options, TextOutput& output) {
  const Preprocess preprocess = preprocess_of(options);
  require_distinct("--output", options.output, {&options.image, 1});
  const std::string read_or_written[] = {options.image, options.output};
  require_distinct("--output-input", options.input_output, read_or_written);
  const DecodeOptions decoding = decode_options(options.preprocess, preprocess.contract);
  const DecodedImage decoded = decode_image_file(options.image, decoding);
  const Image& image = decoded.image;
  std::string why_not;
  const std::optional<Image> input = network_input(image, preprocess, options.image, why_not);
  if (!options.output.empty()) write_png(options.output, image);
  if (!options.input_output.empty()) {
    CHECK_AS(kBadInput, input, "{}", why_not);
    write_png(options.input_output, *input);
  }
  if (options.json) {
    const Json document = {{"image", options.image},
                           {"format", decoded.format},
                           {"width", image.width},
                           {"height", image.height},
                           {"sha256", sha256_of(image)},
                           {"orientation", decoded.orientation},
                           {"orientation_applied", decoding.apply_orientation},
                           {"preprocess", to_string(preprocess.contract)},
                           {"input", input_json(input, preprocess, why_not)},
                           {"warnings", decoded.warnings}};
    output.write(document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
    return;
  }
  std::string text = fmt::format("{}: {}, {} x {}, {}\n  decoded      {} x {}, sha256 {}\n",
                                 options.image, decoded.format, image.width, image.height,
                                 orientation_text(decoded, decoding.apply_orientation), image.width,
                                 image.height, sha256_of(image));
  text += input ? fmt::format("  network gets {} x {}, sha256 {} ({}, as {} does)\n", input->width,
                              input->height, sha256_of(*input), to_string(preprocess.interpolation),
                              to_string(preprocess.contract))
                : fmt::format("  network gets nothing: {}\n", why_not);
  for (const std::string& warning : decoded.warnings) text += fmt::format("warning: {}\n", warning);
  output.write_printable(text);
}

Json tensors_json(const WeightFile& weights) {
  Json tensors = Json::array();
  for (const WeightFile::Entry& entry : weights.entries()) {
    tensors.push_back({{"name", entry.name},
                       {"dtype", entry.dtype},
                       {"shape", shape_json(entry.shape)},
                       {"bytes", entry.data.size()}});
  }
  return tensors;
}

Json info_json(const ModelInfo& info, const WeightFile& weights) {
  Json document = {{"network", info.network},
                   {"num_classes", info.num_classes},
                   {"source", info.source},
                   {"synthetic", info.synthetic},
                   {"preprocess", Json::parse(to_json(info.preprocess))}};
  document["metadata"] = weights.metadata();
  document["tensors"] = tensors_json(weights);
  return document;
}

std::string info_text(const ModelInfo& info, const WeightFile& weights) {
  std::size_t bytes = 0;
  for (const WeightFile::Entry& entry : weights.entries()) bytes += entry.data.size();
  const Preprocess& p = info.preprocess;
  std::string text = fmt::format(
      "{}\n"
      "  network     {}, {} classes{}\n"
      "  source      {}{}\n"
      "  input       {} x {}, crop ratio {:g}, {} as {} does\n"
      "  weights     {} tensors, {:.1f} MB\n",
      printable(weights.name()), info.network, info.num_classes,
      info.labels.empty() ? ""
                          : fmt::format(" ({}, {}, ...)", printable(info.labels.front()),
                                        printable(info.labels[info.labels.size() > 1 ? 1 : 0])),
      printable(info.source), info.synthetic ? ": made-up numbers, answers are meaningless" : "",
      p.crop_size, p.crop_size, p.crop_ratio, to_string(p.interpolation), to_string(p.contract),
      weights.entries().size(), static_cast<double>(bytes) / 1e6);
  for (const auto& [key, value] : weights.metadata()) {  // notes of nestor-convert
    if (!key.starts_with("nestor.")) {
      text += fmt::format("  note        {}: {}\n", printable(key), printable(value));
    }
  }
  return text;
}

std::string layers_text(const Graph& graph) { return "\nlayers\n" + to_string(graph); }

// Pass name -> graph after it; "network" is the graph as the network's file builds it.
std::vector<std::pair<std::string, std::string>> pass_texts(const Graph& graph) {
  std::vector<std::pair<std::string, std::string>> texts{{"network", to_string(graph)}};
  apply_passes(graph, [&](const Pass& pass, const Graph& after) {
    texts.emplace_back(std::string(pass.name), to_string(after));
  });
  return texts;
}

// Median time of each step in milliseconds.
std::vector<double> step_times(Session& session, const TensorDesc& images) {
  std::vector<std::uint8_t> input(static_cast<std::size_t>(images.shape.num_elements()));
  for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(31 * i);
  const TensorView view{images, input.data()};
  session.run(view);
  std::vector<std::vector<double>> samples;
  for (int i = 0; i < kProfileRuns; ++i) {
    const std::vector<double> times = SessionInternals::profile(session, view).step_ms;
    samples.resize(times.size());
    for (std::size_t step = 0; step < times.size(); ++step) samples[step].push_back(times[step]);
  }
  std::vector<double> medians;
  for (std::vector<double>& times : samples) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::ranges::nth_element(times, middle);
    medians.push_back(*middle);
  }
  return medians;
}

// Adds the published time to a plan for a GPU.
void add_published(const std::string& network, std::string& text, Json& plan) {
  const PublishedRow* const row = find_published(network);
  if (!plan.contains("modelled_ms_per_image") || row == nullptr) return;
  plan["published_v100_ms_per_image"] = row->ms;
  text += fmt::format("  published    {:.2f} ms per image on {}\n", row->ms, published_on());
}

std::string profile_text(const Plan& plan, const std::vector<double>& ms) {
  const double total = std::accumulate(ms.begin(), ms.end(), 0.0);
  std::string text = fmt::format("\nprofile, median of {} runs\n{:>9} {:>6} {:>9} {:>8}  step\n",
                                 kProfileRuns, "ms", "%", "GFLOP/s", "GB/s");
  for (std::size_t i = 0; i < ms.size(); ++i) {
    const Step& step = plan.steps[i];
    fmt::format_to(std::back_inserter(text), "{:9.3f} {:6.2f} {:9.1f} {:8.2f}  {} ({})\n", ms[i],
                   100 * ms[i] / total, 2e-6 * static_cast<double>(step.multiply_adds) / ms[i],
                   1e-6 * static_cast<double>(step.bytes) / ms[i], step.name, step.variant);
  }
  return text + fmt::format("{:9.3f} ms in all, {:.3f} ms per image\n", total,
                            total / static_cast<double>(plan.key.batch));
}

void inspect_model(const Options& options, TextOutput& output) {
  const LoadedModel loaded =
      load_model(options.weights,
                 {.device = options.device.device, .network = network_called(options.network)});
  const ModelInfo& info = loaded.info;
  const WeightFile& weights = loaded.model->weights().file();
  const std::int64_t height = options.height > 0 ? options.height : info.preprocess.crop_size;
  const std::int64_t width = options.width > 0 ? options.width : height;
  const Shape shape{options.batch, 3, height, width};
  const Graph graph = loaded.model->graph(shape);

  std::string text = info_text(info, weights);
  Json document = info_json(info, weights);
  if (options.passes) {
    for (const auto& [name, graph_text] : pass_texts(graph)) {
      text += fmt::format("\n== {} ==\n{}", name, graph_text);
      document["passes"].push_back({{"name", name}, {"graph", graph_text}});
    }
  } else if (!options.plan && !options.profile && !options.tune) {
    text += layers_text(graph);
  }
  DeviceOptions device = options.device;
  if (options.tune) {
    const Tuned tuned = tune_and_keep(loaded.model, device, shape, options.tune_options);
    text += tuning_text(tuned);
    document["tuning"] = tuning_json(tuned);
    device.tuning = tuned.file;
  }
  if (options.plan || options.profile) {
    Session session(loaded.model, session_options(device, *loaded.model));
    // As nestor-classify runs it.
    const TensorDesc images{DType::kUInt8, {options.batch, height, width, 3}};
    const Plan& plan = SessionInternals::plan(session, images);
    print_warnings("nestor-inspect", session);
    text += "\n" + to_string(plan);
    document["plan"] = Json::parse(to_json(plan));
    add_published(info.network, text, document["plan"]);
    if (const std::string& why = loaded.model->why_no_gpu(); !why.empty()) {
      text += fmt::format("on the CPU: {}\n", why);
      document["plan"]["why_no_gpu"] = why;
    }
    if (options.profile) {
      const std::vector<double> ms = step_times(session, images);
      text += profile_text(plan, ms);
      for (std::size_t i = 0; i < ms.size(); ++i) document["plan"]["steps"][i]["ms"] = ms[i];
    }
  }
  if (options.json) {
    output.write(document.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    output.write_printable(text);
  }
}

int inspect(const Options& options) {
  CHECK_AS(kUsage, !options.image.empty() || !options.weights.empty(),
           "name a model, or an image with --image");
  TextOutput output("");
  if (options.image.empty()) {
    inspect_model(options, output);
  } else {
    inspect_image(options, output);
  }
  output.finish();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Show what a model file holds, how it will run, or an image as the network gets it.\n\n"
      "  nestor-inspect resnest50.safetensors --plan --batch 16\n"
      "  nestor-inspect resnest50.safetensors --plan --device cuda:sm_70\n"
      "  nestor-inspect resnest50.safetensors --tune --batch 16 --device cuda\n"
      "  nestor-inspect --image photo.jpg --preprocess timm --output decoded.png\n",
      "nestor-inspect");
  Options options;
  add_options(app, options);
  return run_command(
      app, argc, argv, [&] { return inspect(options); },
      joined({kDeviceEnvironment, kCacheEnvironment}));
}
