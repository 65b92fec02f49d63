// Logits, stage outputs and attention weights of every classification network, against GluonCV,
// timm and the ResNeSt repository.

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graphs/zoo.h"
#include "nestor/nestor.h"
#include "tests/golden/golden.h"
#include "tests/golden/reference.h"
#include "tests/golden/scratch_folder.h"
#include "tests/golden/tolerances.h"
#include "weights_convert/synthetic/manifest.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Mean of each channel over images and pixels.
std::vector<float> channel_means(const TensorView& map) {
  const Shape& shape = map.desc.shape;
  const std::int64_t plane = shape[2] * shape[3];
  std::vector<float> means;
  for (std::int64_t c = 0; c < shape[1]; ++c) {
    double sum = 0;
    for (std::int64_t n = 0; n < shape[0]; ++n) {
      const float* const pixels = map.as<float>() + (n * shape[1] + c) * plane;
      for (std::int64_t i = 0; i < plane; ++i) sum += pixels[i];
    }
    means.push_back(static_cast<float>(sum / static_cast<double>(shape[0] * plane)));
  }
  return means;
}

struct Case {
  std::string name;
  json record;              // outputs/CASE.json
  WeightFile reference;     // outputs/CASE.safetensors
  std::int64_t num_images;  // of the reference; `shape` may have the first of them only
  Shape shape;
  std::vector<float> input;

  bool is_whole() const { return shape[0] == num_images; }
  // Of what the reference has for all images, the share of those that run.
  std::span<const float> share(std::span<const float> all) const {
    return all.first(all.size() / static_cast<std::size_t>(num_images) *
                     static_cast<std::size_t>(shape[0]));
  }
};

// With at most `max_images` of its images.
Case read_case(const fs::path& folder, const std::string& name, const Preprocess& preprocess,
               std::int64_t max_images) {
  Case c{.name = name,
         .record = read_json(folder / "outputs" / (name + ".json")),
         .reference = WeightFile::open(folder / "outputs" / (name + ".safetensors")),
         .num_images = 0,
         .shape = Shape(std::vector<std::int64_t>()),
         .input = {}};
  c.shape = Shape(c.record.at("input").at("shape").get<std::vector<std::int64_t>>());
  c.num_images = c.shape[0];
  c.shape[0] = std::min(c.num_images, max_images);
  if (!c.is_whole()) c.name += fmt::format(" ({} of {})", c.shape[0], c.num_images);
  const auto image_floats = static_cast<std::size_t>(3 * c.shape[2] * c.shape[3]);
  for (const json& image : c.record.at("input").at("images")) {
    if (c.input.size() == static_cast<std::size_t>(c.shape[0]) * image_floats) break;
    const Image pixels = read_picture(folder / image.get<std::string>(), c.shape[2], c.shape[3]);
    c.input.resize(c.input.size() + image_floats);
    normalise(pixels, preprocess.normalisation, c.input.data() + c.input.size() - image_floats);
  }
  return c;
}

// Top classes must agree wherever the reference is surer than errors could change.
int wrong_top1(const Case& c, std::span<const float> logits, double tolerance) {
  const std::size_t num_classes = logits.size() / static_cast<std::size_t>(c.shape[0]);
  int wrong = 0;
  for (std::size_t n = 0; n < static_cast<std::size_t>(c.shape[0]); ++n) {
    const auto row = logits.subspan(n * num_classes, num_classes);
    const auto top = std::ranges::max_element(row) - row.begin();
    const bool sure = c.record.at("logits").at("top1_margin_over_std").at(n) > 2 * tolerance;
    wrong += sure && top != c.record.at("logits").at("top1").at(n);
  }
  return wrong;
}

void compare_logits(const Case& c, Session& session, const Tolerance& tolerance, Report& report) {
  const std::string precision(to_string(tolerance.precision));
  const TensorView input{{DType::kFloat32, c.shape}, c.input.data()};
  const std::span<const float> logits = values(session.run(input)[0].tensor);
  const std::span<const float> want = array(c.reference, "logits");
  const double error = worst(logits, c.share(want), deviation(want));
  report.check(error <= tolerance.logits, c.name, precision + " logits",
               fmt::format("{:.2e} of {:g}", error, tolerance.logits));
  const int wrong = wrong_top1(c, logits, tolerance.logits);
  report.check(wrong == 0, c.name, precision + " top-1", fmt::format("{} wrong", wrong));
}

void compare_tap(const Case& c, const Session::Output& output, const json& row,
                 const Tolerance& tolerance, Report& report) {
  const std::string what = fmt::format("{} {}", to_string(tolerance.precision), output.name);
  if (output.name.ends_with(".attention")) {
    const double error = worst(values(output.tensor), c.share(array(c.reference, output.name)), 1);
    report.check(error <= tolerance.attention, c.name, what,
                 fmt::format("{:.2e} of {:g}", error, tolerance.attention));
    return;
  }
  Shape shape(row.at("shape").get<std::vector<std::int64_t>>());
  shape[0] = c.shape[0];
  if (output.tensor.desc.shape != shape) {
    return report.fail(c.name, what, "shape " + output.tensor.desc.shape.to_string());
  }
  std::span<const float> want = array(c.reference, output.name + ".values");
  const double scale = deviation(want);
  const std::vector<float> got =
      sampled(values(output.tensor), row.value("stride", std::size_t{1}));
  if (!c.is_whole()) want = want.first(std::min(want.size(), got.size()));
  const double rms = root_mean_square(got, want, scale);
  const double largest = worst(got, want, scale);
  // The reference's means are over all images.
  const double mean = c.is_whole() ? worst(channel_means(output.tensor),
                                           array(c.reference, output.name + ".mean"), scale)
                                   : 0;
  report.check(
      rms <= tolerance.map_rms && largest <= tolerance.map_largest && mean <= tolerance.map_mean,
      c.name, what,
      fmt::format("rms {:.1e} of {:g}, largest {:.1e} of {:g}, means {:.1e} of {:g}", rms,
                  tolerance.map_rms, largest, tolerance.map_largest, mean, tolerance.map_mean));
}

// With all taps at once, reported in the order of the network: the first wrong one is the culprit.
void compare_taps(const Case& c, Session& session, const Tolerance& tolerance, Report& report) {
  std::vector<std::string> taps;
  for (const json& row : c.record.at("taps")) taps.push_back(row.at("name"));
  const TensorView input{{DType::kFloat32, c.shape}, c.input.data()};
  const std::span<const Session::Output> outputs = session.run(input, taps);
  for (std::size_t i = 0; i < taps.size(); ++i) {
    compare_tap(c, outputs[i + 1], c.record.at("taps").at(i), tolerance, report);
  }
}

void compare_case(const Case& c, const LoadedModel& loaded, const Tolerance& tolerance,
                  Report& report) {
  try {
    Session session(loaded.model, {.precision = tolerance.precision, .threads = 0});
    compare_logits(c, session, tolerance, report);
    compare_taps(c, session, tolerance, report);
  } catch (const Error& error) {
    // A CPU without the instructions is not wrong; everything else that is thrown is.
    if (error.code() != ErrorCode::kUnsupported) throw;
    report.skip(fmt::format("{} {}", c.name, to_string(tolerance.precision)), error.what());
  }
}

}  // namespace

void compare_networks(const fs::path& folder, const NetworkOptions& options, Report& report) {
  const json cases = read_json(folder / "cases.json");
  const ScratchFolder scratch;
  std::vector<std::string> missing = options.cases;
  for (const auto& [network, frameworks] : cases.at("models").items()) {
    std::vector<std::string> names;
    for (const json& row : cases.at("cases")) {
      if (row.at("model") != network) continue;
      const std::string name =
          fmt::format("{}_{}x{}", network, row.at("height").get<int>(), row.at("width").get<int>());
      if (options.cases.empty() || std::ranges::count(options.cases, name) > 0) {
        names.push_back(name);
        std::erase(missing, name);
      }
    }
    if (names.empty()) continue;
    if (find_network(network) == nullptr) {
      report.skip(network, "this network is not built yet");
      continue;
    }
    const fs::path models = folder / "models";
    const fs::path weights = scratch.path() / (network + ".safetensors");
    convert_manifest(models / (network + ".manifest.json"),
                     models / (network + ".stats.safetensors"), weights, {.network = network});
    const LoadedModel loaded = load_model(weights, {.device = options.device, .network = {}});
    for (const std::string& name : names) {
      const Case c = read_case(folder, name, loaded.info.preprocess, options.max_images);
      for (const Precision precision : options.precisions) {
        compare_case(c, loaded, tolerance_of(precision), report);
      }
    }
    fs::remove(weights);
  }
  for (const std::string& name : missing) report.fail(name, "case", "the folder has none");
}

void compare_classification(const fs::path& folder, Report& report) {
  compare_networks(folder, {}, report);
  compare_names(folder, report);
}

}  // namespace nestor::golden
