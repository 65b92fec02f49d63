#pragma once
// From pixels to the network's input: resize, crop, normalise, exactly as the frameworks that
// trained the weights do it.
// A public header: standard library only.

#include <string>
#include <string_view>

#include "engine/image/decode.h"
#include "engine/image/image.h"
#include "engine/image/normalisation.h"
#include "engine/image/resize.h"

namespace nestor {

// Resizing rules of the three sources (spec/classification.md section 5).
enum class PreprocessContract : std::uint8_t {
  kGluoncv,  // short side to ceil(size / ratio), OpenCV kernel without antialias, centre crop
  kTimm,     // short side to floor(size / ratio), Pillow kernel, centre crop
  kResnest,  // centre crop of size / (size + 32) of the short side, then Pillow kernel to the size
};

std::string_view to_string(PreprocessContract contract);  // "gluoncv", "timm", "resnest"
PreprocessContract parse_preprocess_contract(std::string_view text);  // throws kUsage

std::string_view to_string(Interpolation interpolation);   // "nearest", "bilinear", "bicubic"
Interpolation parse_interpolation(std::string_view text);  // also "linear", "cubic"

inline constexpr int kMaxCropSize = 8192;
inline constexpr double kMinCropRatio = 0.01;

struct Preprocess {
  PreprocessContract contract = PreprocessContract::kGluoncv;
  int crop_size = 224;
  double crop_ratio = 0.875;  // not used by kResnest
  Interpolation interpolation = Interpolation::kBilinear;
  Normalisation normalisation;

  bool operator==(const Preprocess&) const = default;
};

DecoderConvention decoder_convention(PreprocessContract contract);

// Metadata of weight files (kMetaPreprocess), and back; from_json throws kBadModel, naming `file`.
std::string to_json(const Preprocess& preprocess);
Preprocess preprocess_from_json(std::string_view json, const std::string& file);

// What resize_and_crop does to an image of some size: `window` of it is resized, and `target` says
// to what, and which part of that is the network's input.
struct ResizePlan {
  Window window;
  ResizeTarget target;
};

// Throws kBadInput for images that are too small or too elongated; kUsage for a
// crop size or ratio that makes no sense.
ResizePlan plan_resize(int width, int height, const Preprocess& preprocess,
                       const std::string& name = "the image");

// Resizes and crops to crop_size x crop_size. Throws kBadInput for images that are too small or too
// elongated for that.
Image resize_and_crop(const Image& image, const Preprocess& preprocess,
                      const std::string& name = "the image");

// dst is [3, height, width].
void normalise(const Image& image, const Normalisation& normalisation, float* dst);

}  // namespace nestor
