// Segmenters against GluonCV: components, class maps, logits and taps.

#include "tests/golden/segmentation.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "tests/golden/scratch_folder.h"
#include "tests/golden/tolerances.h"
#include "weights_convert/synthetic/manifest.h"

namespace nestor::golden {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// Larger ones take minutes.
constexpr int kMostPixels = 100'000;

// Of logits and maps, over their standard deviation (golden/segmentation/README.md).
struct MapTolerance {
  Precision precision;
  double rms, largest, equal_classes;
};
constexpr MapTolerance kTolerances[] = {
    {Precision::kFp32, 5e-5, 5e-4, 0.999},
    {Precision::kBf16, 0.2, 2, 0.8},
};

SegmenterCase read_case(const fs::path& folder, const std::string& name) {
  SegmenterCase c{.name = name,
                  .record = read_json(folder / "outputs" / (name + ".json")),
                  .reference = WeightFile::open(folder / "outputs" / (name + ".safetensors")),
                  .images = {}};
  const json& shape = c.record.at("input").at("shape");
  for (const json& image : c.record.at("input").at("images")) {
    c.images.push_back(read_picture(folder / image.get<std::string>(), shape[2], shape[3]));
  }
  return c;
}

void compare_tap(const SegmenterCase& c, const Session::Output& output, const json& row,
                 const MapTolerance& tolerance, Report& report) {
  const std::string what = fmt::format("{} {}", to_string(tolerance.precision), output.name);
  const Shape shape(row.at("shape").get<std::vector<std::int64_t>>());
  if (output.tensor.desc.shape != shape) {
    return report.fail(c.name, what, "shape " + output.tensor.desc.shape.to_string());
  }
  const std::span<const float> want = array(c.reference, output.name + ".values");
  const std::vector<float> got = sampled(values(output.tensor), row.at("stride"));
  const double scale = deviation(want);
  const double rms = root_mean_square(got, want, scale), largest = worst(got, want, scale);
  report.check(rms <= tolerance.rms && largest <= tolerance.largest, c.name, what,
               fmt::format("rms {:.1e} of {:g}, largest {:.1e} of {:g}", rms, tolerance.rms,
                           largest, tolerance.largest));
}

void compare_predict(const SegmenterCase& c, const fs::path& folder, const LoadedModel& loaded,
                     const MapTolerance& tolerance, Report& report) {
  const std::string precision(to_string(tolerance.precision));
  try {
    Session session(loaded.model, {.precision = tolerance.precision,
                                   .normalisation = loaded.info.preprocess.normalisation});
    std::vector<std::uint8_t> levels;
    for (const Image& image : c.images) {
      levels.insert(levels.end(), image.rgb.begin(), image.rgb.end());
    }
    const TensorView input{
        {DType::kUInt8,
         {static_cast<std::int64_t>(c.images.size()), c.images[0].height, c.images[0].width, 3}},
        levels.data()};
    const double equal = equal_classes(c, folder, session.run(input)[0].tensor);
    report.check(equal >= tolerance.equal_classes, c.name, precision + " classes",
                 fmt::format("{:.5f} of {:g} equal", equal, tolerance.equal_classes));
    std::vector<std::string> taps;
    for (const json& row : c.record.at("taps")) taps.push_back(row.at("name"));
    const std::span<const Session::Output> outputs = session.run(input, taps);
    for (std::size_t i = 0; i < taps.size(); ++i) {
      compare_tap(c, outputs[i + 1], c.record.at("taps").at(i), tolerance, report);
    }
  } catch (const Error& error) {
    // A CPU without the instructions is not wrong; everything else that is thrown is.
    if (error.code() != ErrorCode::kUnsupported) throw;
    report.skip(fmt::format("{} {}", c.name, precision), error.what());
  }
}

bool is_large(const json& row) {
  const std::size_t images = row.at("photos").size();
  return row.at("mode") == "predict" &&
         row.at("height").get<int>() * row.at("width").get<int>() * static_cast<int>(images) >
             kMostPixels;
}

}  // namespace

double equal_classes(const SegmenterCase& c, const fs::path& folder, const TensorView& classes) {
  const Shape& shape = classes.desc.shape;
  const std::int64_t pixels = shape[1] * shape[2];
  std::int64_t equal = 0;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const Image want =
        read_picture(folder / c.record.at("argmax").at(n).get<std::string>(), shape[1], shape[2]);
    for (std::int64_t i = 0; i < pixels; ++i) {
      equal +=
          classes.as<std::uint8_t>()[n * pixels + i] == want.rgb[static_cast<std::size_t>(3 * i)];
    }
  }
  return static_cast<double>(equal) / static_cast<double>(shape[0] * pixels);
}

void compare_segmentation(const fs::path& folder, Report& report) {
  compare_components(folder, report);
  compare_plans(folder, report);
  std::map<std::string, std::vector<std::string>> names;  // of cases, by network
  const json all = read_json(folder / "cases.json");
  for (const json& row : all.at("cases")) {
    if (is_large(row) && !report.wants_large()) continue;
    names[row.at("model")].push_back(row.at("name"));
  }
  const ScratchFolder scratch;
  for (const auto& [network, cases] : names) {
    const fs::path models = folder / "models",
                   weights = scratch.path() / (network + ".safetensors");
    convert_manifest(models / (network + ".manifest.json"),
                     models / (network + ".stats.safetensors"), weights, {.network = network});
    const LoadedModel loaded = load_model(weights, {.device = "cpu", .network = {}});
    for (const std::string& name : cases) {
      const SegmenterCase c = read_case(folder, name);
      if (c.record.at("mode") != "predict") {
        compare_multi_scale(c, folder, loaded, report);
        continue;
      }
      for (const MapTolerance& tolerance : kTolerances) {
        compare_predict(c, folder, loaded, tolerance, report);
      }
    }
    fs::remove(weights);
  }
}

}  // namespace nestor::golden
