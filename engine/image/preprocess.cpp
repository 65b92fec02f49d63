#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/check.h"
#include "engine/image/level_table.h"
#include "engine/image/resize_plan.h"

namespace nestor {

namespace {

// Of the resized picture, of which only the crop is ever computed. Beyond it positions lose the
// precision that the kernels need.
constexpr std::int64_t kMaxResizedPixels = 1 << 28;

void check_sane(const Preprocess& preprocess) {
  CHECK_AS(kUsage, preprocess.crop_size >= 1 && preprocess.crop_size <= kMaxCropSize,
           "crop size {}: should be 1 to {}", preprocess.crop_size, kMaxCropSize);
  CHECK_AS(kUsage, preprocess.crop_ratio >= kMinCropRatio && preprocess.crop_ratio <= 1,
           "crop ratio {}: should be {} to 1", preprocess.crop_ratio, kMinCropRatio);
  CHECK_AS(kUsage,
           preprocess.short_side >= 1 && preprocess.short_side <= preprocess.longest_side &&
               preprocess.longest_side <= kMaxCropSize,
           "a short side of {} within a longest of {}: should be 1 to {}", preprocess.short_side,
           preprocess.longest_side, kMaxCropSize);
}

int half_to_even(double value) { return static_cast<int>(std::nearbyint(value)); }

struct Size {
  std::int64_t width, height;
};

Size gluoncv_size(std::int64_t w, std::int64_t h, const Preprocess& preprocess) {
  const auto side =
      static_cast<std::int64_t>(std::ceil(preprocess.crop_size / preprocess.crop_ratio));
  return w < h ? Size{side, h * side / w} : Size{w * side / h, side};
}

// Python's int(side * h / w): the product is exact, the division float64.
Size timm_size(std::int64_t w, std::int64_t h, const Preprocess& preprocess) {
  const auto side =
      static_cast<std::int64_t>(std::floor(preprocess.crop_size / preprocess.crop_ratio));
  const auto longer = [side](std::int64_t a, std::int64_t b) {
    return static_cast<std::int64_t>(static_cast<double>(side * a) / static_cast<double>(b));
  };
  return w <= h ? Size{side, longer(h, w)} : Size{longer(w, h), side};
}

ResizeTarget checked_target(int width, int height, const Size& size, int crop_size,
                            const std::string& name) {
  CHECK_AS(kBadInput,
           size.width <= kMaxResizedPixels && size.height <= kMaxResizedPixels &&
               size.width * size.height <= kMaxResizedPixels,
           "{}: too elongated: {} x {} pixels would be resized to {} x {}, over {} pixels", name,
           width, height, size.width, size.height, kMaxResizedPixels);
  CHECK(size.width >= crop_size && size.height >= crop_size, "crop of {} from {} x {} pixels",
        crop_size, size.width, size.height);
  return {
      static_cast<int>(size.width), static_cast<int>(size.height), {0, 0, crop_size, crop_size}};
}

ResizePlan plan_resnest(int width, int height, int size, const std::string& name) {
  const double side = static_cast<double>(size) / (size + 32) * std::min(width, height);
  const int left = half_to_even((width - side) / 2), top = half_to_even((height - side) / 2);
  const Window window = {left, top, half_to_even(left + side) - left,
                         half_to_even(top + side) - top};
  CHECK_AS(kBadInput, window.width >= 1 && window.height >= 1,
           "{}: too small: of {} x {} pixels a square of {} should be cut out", name, width, height,
           side);
  return {window, ResizeTarget::whole(size, size)};
}

// GluonCV's resize_short_within.
ResizePlan plan_short_side(int width, int height, const Preprocess& preprocess,
                           const std::string& name) {
  const auto [shorter, longer] = std::minmax(width, height);
  double scale = static_cast<double>(preprocess.short_side) / shorter;
  if (std::nearbyint(scale * longer) > preprocess.longest_side) {
    scale = static_cast<double>(preprocess.longest_side) / longer;
  }
  const int new_width = half_to_even(width * scale), new_height = half_to_even(height * scale);
  CHECK_AS(kBadInput, new_width >= 1 && new_height >= 1,
           "{}: too elongated: {} x {} pixels would be resized to {} x {}", name, width, height,
           new_width, new_height);
  return {{0, 0, width, height}, ResizeTarget::whole(new_width, new_height)};
}

PillowFilter pillow_filter(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kNearest: return PillowFilter::kNearest;
    case Interpolation::kBilinear: return PillowFilter::kBilinear;
    case Interpolation::kBicubic: break;
  }
  return PillowFilter::kBicubic;
}

}  // namespace

std::string_view to_string(PreprocessContract contract) {
  switch (contract) {
    case PreprocessContract::kGluoncv: return "gluoncv";
    case PreprocessContract::kTimm: return "timm";
    case PreprocessContract::kResnest: break;
  }
  return "resnest";
}

PreprocessContract parse_preprocess_contract(std::string_view text) {
  for (const auto contract :
       {PreprocessContract::kGluoncv, PreprocessContract::kTimm, PreprocessContract::kResnest}) {
    if (text == to_string(contract)) return contract;
  }
  fail(ErrorCode::kUsage, "{}: no preprocessing contract; there are gluoncv, timm and resnest",
       text);
}

std::string_view to_string(Interpolation interpolation) {
  switch (interpolation) {
    case Interpolation::kNearest: return "nearest";
    case Interpolation::kBilinear: return "bilinear";
    case Interpolation::kBicubic: break;
  }
  return "bicubic";
}

Interpolation parse_interpolation(std::string_view text) {
  if (text == "nearest") return Interpolation::kNearest;
  if (text == "bilinear" || text == "linear") return Interpolation::kBilinear;
  if (text == "bicubic" || text == "cubic") return Interpolation::kBicubic;
  fail(ErrorCode::kUsage, "{}: no interpolation; there are nearest, bilinear and bicubic", text);
}

std::string_view to_string(ResizeRule rule) {
  switch (rule) {
    case ResizeRule::kCrop: return "crop";
    case ResizeRule::kShortSideWithin: return "short_side_within";
    case ResizeRule::kNone: break;
  }
  return "none";
}

ResizeRule parse_resize_rule(std::string_view text) {
  for (const auto rule : {ResizeRule::kCrop, ResizeRule::kShortSideWithin, ResizeRule::kNone}) {
    if (text == to_string(rule)) return rule;
  }
  fail(ErrorCode::kUsage, "{}: no resize rule; there are crop, short_side_within and none", text);
}

DecoderConvention decoder_convention(PreprocessContract contract) {
  return contract == PreprocessContract::kGluoncv ? DecoderConvention::kMxnet
                                                  : DecoderConvention::kPillow;
}

ResizePlan plan_resize(int width, int height, const Preprocess& preprocess,
                       const std::string& name) {
  check_sane(preprocess);
  CHECK_AS(kBadInput, width >= 1 && height >= 1, "an image of {} x {} pixels", width, height);
  if (preprocess.rule == ResizeRule::kNone) {
    return {{0, 0, width, height}, ResizeTarget::whole(width, height)};
  }
  if (preprocess.rule == ResizeRule::kShortSideWithin) {
    return plan_short_side(width, height, preprocess, name);
  }
  const int size = preprocess.crop_size;
  if (preprocess.contract == PreprocessContract::kResnest) {
    return plan_resnest(width, height, size, name);
  }
  ResizePlan plan{.window = {0, 0, width, height}, .target = {}};
  if (preprocess.contract == PreprocessContract::kGluoncv) {
    plan.target =
        checked_target(width, height, gluoncv_size(width, height, preprocess), size, name);
    plan.target.window.x = (plan.target.width - size) / 2;
    plan.target.window.y = (plan.target.height - size) / 2;
  } else {
    plan.target = checked_target(width, height, timm_size(width, height, preprocess), size, name);
    plan.target.window.x = half_to_even((plan.target.width - size) / 2.0);
    plan.target.window.y = half_to_even((plan.target.height - size) / 2.0);
  }
  return plan;
}

Image resize_and_crop(const Image& image, const Preprocess& preprocess, const std::string& name) {
  const ResizePlan plan = plan_resize(image.width, image.height, preprocess, name);
  if (preprocess.rule == ResizeRule::kNone) return image;
  if (preprocess.contract == PreprocessContract::kGluoncv) {
    return resize_opencv(image, plan.target, preprocess.interpolation);
  }
  const PillowFilter filter = pillow_filter(preprocess.interpolation);
  const Window whole{0, 0, image.width, image.height};
  if (plan.window == whole) return resize_pillow(image, plan.target, filter);
  return resize_pillow(crop(image, plan.window), plan.target, filter);
}

void normalise(const Image& image, const Normalisation& normalisation, float* dst) {
  const std::size_t num_pixels = image.rgb.size() / 3;
  LevelTable(normalisation).normalise(image.rgb.data(), num_pixels, dst, num_pixels);
}

}  // namespace nestor
