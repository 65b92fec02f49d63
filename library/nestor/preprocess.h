#pragma once
// From pixels to the network's input: resize, crop, normalise, exactly as the frameworks that
// trained the weights do it.

#include <cstdint>
#include <string>
#include <string_view>

#include "nestor/decode.h"
#include "nestor/export.h"
#include "nestor/image.h"
#include "nestor/normalisation.h"

namespace nestor {

// Resizing rules of the three sources, as their own evaluation scripts apply them.
enum class PreprocessContract : std::uint8_t {
  kGluoncv,  // short side to ceil(size / ratio), OpenCV kernel without antialias, centre crop
  kTimm,     // short side to floor(size / ratio), Pillow kernel, centre crop
  kResnest,  // centre crop of size / (size + 32) of the short side, then Pillow kernel to the size
};

NESTOR_API std::string_view to_string(PreprocessContract contract);  // "gluoncv", "timm", "resnest"
NESTOR_API PreprocessContract parse_preprocess_contract(std::string_view text);  // throws kUsage

enum class Interpolation : std::uint8_t { kNearest, kBilinear, kBicubic };

NESTOR_API std::string_view to_string(
    Interpolation interpolation);  // "nearest", "bilinear", "bicubic"
NESTOR_API Interpolation parse_interpolation(std::string_view text);  // also "linear", "cubic"

// The size that an image is given.
enum class ResizeRule : std::uint8_t {
  kCrop,             // crop_size x crop_size, as the contract cuts and resizes (classification)
  kShortSideWithin,  // short side to short_side, or less if the long one would exceed longest_side,
                     // by GluonCV's rounding (detection)
  kNone,             // its own (segmentation)
};

NESTOR_API std::string_view to_string(ResizeRule rule);  // "crop", "short_side_within", "none"
NESTOR_API ResizeRule parse_resize_rule(std::string_view text);  // throws kUsage

inline constexpr int kMaxCropSize = 8192;
inline constexpr double kMinCropRatio = 0.01;

struct NESTOR_API Preprocess {
  PreprocessContract contract = PreprocessContract::kGluoncv;
  int crop_size = 224;
  double crop_ratio = 0.875;  // not used by kResnest
  Interpolation interpolation = Interpolation::kBilinear;
  Normalisation normalisation = {};
  ResizeRule rule = ResizeRule::kCrop;
  int short_side = 800;  // of kShortSideWithin
  int longest_side = 1333;

  bool operator==(const Preprocess&) const = default;
};

NESTOR_API DecoderConvention decoder_convention(PreprocessContract contract);

// Metadata of weight files (kMetaPreprocess), and back; from_json throws kBadModel, naming `file`.
NESTOR_API std::string to_json(const Preprocess& preprocess);
NESTOR_API Preprocess preprocess_from_json(std::string_view json, const std::string& file);

// Resizes and crops by the rule of `preprocess`. Throws kBadInput for images that are too small or
// too elongated for that.
NESTOR_API Image resize_and_crop(const Image& image, const Preprocess& preprocess,
                                 const std::string& name = "the image");

// dst is [3, height, width].
NESTOR_API void normalise(const Image& image, const Normalisation& normalisation, float* dst);

}  // namespace nestor
