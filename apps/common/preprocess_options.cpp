#include "apps/common/preprocess_options.h"

#include <algorithm>
#include <cmath>

#include "apps/common/choices.h"
#include "engine/check.h"

namespace nestor {

namespace {

constexpr const char* kGroup = "Images";
constexpr int kSmallestCrop = 32;  // of the networks
constexpr std::int64_t kMostPixels = std::int64_t{1} << 40;
constexpr std::uint64_t kLeastDecodeMemory = std::uint64_t{1} << 20;
constexpr std::uint64_t kMostDecodeMemory = std::uint64_t{1} << 50;

void override_channels(const std::vector<float>& given, std::string_view flag,
                       std::array<float, 3>& values) {
  if (given.empty()) return;
  CHECK_AS(kUsage, given.size() == values.size(), "{} has {} values, expected 3", flag,
           given.size());
  std::ranges::copy(given, values.begin());
}

}  // namespace

void add_decode_options(CLI::App& app, PreprocessOptions& options) {
  app.add_option("--preprocess", options.contract,
                 "Decode, resize and crop exactly as gluoncv, timm or resnest does (default: as "
                 "the model file says)")
      ->check(one_of({"gluoncv", "timm", "resnest"}))
      ->type_name("SOURCE")
      ->group(kGroup);
  app.add_option("--max-pixels", options.max_pixels, "Refuse images with more pixels than this")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, kMostPixels))
      ->group(kGroup);
  app.add_option("--max-side", options.max_side, "Refuse images with a side longer than this")
      ->capture_default_str()
      ->check(CLI::Range(std::int64_t{1}, kMostPixels))
      ->group(kGroup);
  app.add_option("--decode-memory", options.decode_memory,
                 "Memory that files and decoders may take together, e.g. 512M (default: half of "
                 "what is available, at most 2G)")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(kLeastDecodeMemory, kMostDecodeMemory))
      ->type_name("SIZE")
      ->group(kGroup);
  app.add_option("--orientation", options.orientation,
                 "apply: turn photos as their EXIF data say; ignore: take the pixels as they are "
                 "stored, as the frameworks do")
      ->capture_default_str()
      ->check(one_of({"apply", "ignore"}))
      ->type_name("HOW")
      ->group(kGroup);
  app.add_flag("--lenient", options.lenient,
               "Use what can be read of truncated or damaged images, with a warning")
      ->group(kGroup);
}

void add_preprocess_options(CLI::App& app, PreprocessOptions& options) {
  app.add_option("--crop-size,--img-size", options.crop_size,
                 "Side of the network's square input, in pixels")
      ->group(kGroup);
  app.add_option("--crop-ratio,--crop-pct", options.crop_ratio,
                 "Input size divided by the short side after resizing (gluoncv, timm)")
      ->group(kGroup);
  app.add_option("--interpolation", options.interpolation,
                 "Resize with this kernel: nearest, bilinear or bicubic")
      ->type_name("KERNEL")
      ->group(kGroup);
  app.add_option("--mean", options.mean, "Means to subtract from RGB / 255")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("R,G,B")
      ->group(kGroup);
  app.add_option("--std", options.std, "Standard deviations to divide by after that")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("R,G,B")
      ->group(kGroup);
}

DecodeOptions decode_options(const PreprocessOptions& options, PreprocessContract contract) {
  return {.convention = decoder_convention(contract),
          .max_pixels = options.max_pixels,
          .max_side = options.max_side,
          .lenient = options.lenient,
          .apply_orientation = options.orientation == "apply",
          .memory = std::make_shared<DecodeMemory>(
              options.decode_memory > 0 ? options.decode_memory : DecodeMemory::default_bytes())};
}

Preprocess changed_by(const PreprocessOptions& options, Preprocess preprocess) {
  if (options.crop_size) preprocess.crop_size = *options.crop_size;
  if (options.crop_ratio) preprocess.crop_ratio = *options.crop_ratio;
  if (!options.interpolation.empty()) {
    preprocess.interpolation = parse_interpolation(options.interpolation);
  }
  override_channels(options.mean, "--mean", preprocess.normalisation.mean);
  override_channels(options.std, "--std", preprocess.normalisation.std);
  CHECK_AS(kUsage, preprocess.crop_size >= kSmallestCrop && preprocess.crop_size <= kMaxCropSize,
           "--crop-size is {}, expected {} to {}", preprocess.crop_size, kSmallestCrop,
           kMaxCropSize);
  CHECK_AS(kUsage, preprocess.crop_ratio >= kMinCropRatio && preprocess.crop_ratio <= 1,
           "--crop-ratio is {}, expected {} to 1", preprocess.crop_ratio, kMinCropRatio);
  const auto finite = [](float x) { return std::isfinite(x); };
  CHECK_AS(kUsage, std::ranges::all_of(preprocess.normalisation.mean, finite),
           "--mean must be finite numbers");
  const auto divides = [](float x) { return std::isfinite(x) && x > 0; };
  CHECK_AS(kUsage, std::ranges::all_of(preprocess.normalisation.std, divides),
           "--std must be finite numbers above 0");
  return preprocess;
}

Preprocess preprocess_with(const PreprocessOptions& options, const ModelInfo& info) {
  if (options.contract.empty()) return changed_by(options, info.preprocess);
  return changed_by(options, preprocess_for(info, parse_preprocess_contract(options.contract)));
}

}  // namespace nestor
