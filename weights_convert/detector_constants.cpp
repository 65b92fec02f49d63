#include "weights_convert/detector_constants.h"

#include <charconv>
#include <cmath>
#include <cstring>

#include "engine/boxes/anchors.h"
#include "engine/check.h"
#include "engine/ops/detections/detections.h"

namespace nestor {

namespace {

constexpr std::string_view kAnchors = "rpn.anchor_generator.", kAnchorsEnd = ".anchors";
constexpr float kNear = 1e-3F;
constexpr std::int64_t kNumbers = 4 * kRatios;  // of a cell

std::vector<float> values_of(const SourceTensor& tensor) {
  std::vector<std::byte> scratch;
  const std::span<const std::byte> bytes = contiguous(tensor, scratch);
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

void check_near(std::span<const float> found, std::span<const float> expected,
                const SourceTensor& tensor, const std::string& file) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    CHECK_AS(kBadModel, std::abs(found[i] - expected[i]) <= kNear,
             "{}: {} has {} where Nestor computes {}: trained with other constants", file,
             *tensor.name, found[i], expected[i]);
  }
}

// The number of the level in "rpn.anchor_generator.0.anchors"; nothing for other names.
std::optional<int> level_of(std::string_view name) {
  if (!name.starts_with(kAnchors) || !name.ends_with(kAnchorsEnd)) return {};
  const char* const begin = name.data() + kAnchors.size();
  int level = -1;
  const auto [end, error] = std::from_chars(begin, name.data() + name.size(), level);
  const bool whole = error == std::errc() && end == name.data() + name.size() - kAnchorsEnd.size();
  return whole && level >= 0 && level < 5 ? std::optional(level) : std::nullopt;
}

void check_anchors(const SourceTensor& tensor, int number, const std::string& file) {
  const Shape& shape = tensor.shape;
  CHECK_AS(kBadModel,
           tensor.dtype == DType::kFloat32 && shape.rank() == 5 && shape[4] == kNumbers &&
               shape[0] == 1 && shape[1] == 1,
           "{}: {} is {}, expected float32 [1, 1, h, w, {}]", file, *tensor.name,
           to_string(TensorDesc{tensor.dtype, shape}), kNumbers);
  const AnchorLevel level{4 << number, shape[2], shape[3]};
  const std::vector<float> found = values_of(tensor);
  for (std::int64_t i = 0; i < level.num_anchors(); ++i) {
    const Box box = anchor({&level, 1}, i);
    const float expected[] = {box.x1, box.y1, box.x2, box.y2};
    check_near(std::span(found).subspan(static_cast<std::size_t>(4 * i), 4), expected, tensor,
               file);
  }
}

void check_box_constants(const SourceTensor& tensor, std::string_view kind,
                         const std::string& file) {
  const bool four = tensor.dtype == DType::kFloat32 && tensor.shape == Shape{4};
  CHECK_AS(kBadModel, four, "{}: {} is {}, expected float32 [4]", file, *tensor.name,
           to_string(TensorDesc{tensor.dtype, tensor.shape}));
  constexpr float kMeans[4] = {};
  constexpr DeltaScale kScale = kDetectionScale;
  constexpr float kStds[] = {kScale.center, kScale.center, kScale.size, kScale.size};
  check_near(values_of(tensor), kind == "means" ? kMeans : kStds, tensor, file);
}

}  // namespace

void check_detector_constants(const SourceTensors& tensors, const std::string& file) {
  for (const SourceTensor* const tensor : tensors) {
    const std::string_view name = *tensor->name;
    if (const std::optional<int> level = level_of(name)) check_anchors(*tensor, *level, file);
    for (const std::string_view kind : {"means", "stds"}) {
      if (name == fmt::format("_target_generator._box_encoder.{}", kind)) {
        check_box_constants(*tensor, kind, file);
      }
    }
  }
}

}  // namespace nestor
