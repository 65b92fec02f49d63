#include "engine/ops/roi_align/roi_align.h"

#include <fmt/format.h>

#include "engine/boxes/roi_level.h"
#include "engine/check.h"
#include "engine/ops/registry.h"

namespace nestor {

RoiPlace place_of(const Box& roi, const RoiAlignParams& p) {
  const int last = p.first_level + static_cast<int>(p.strides.size()) - 1;
  const int level = roi_level(roi, p.first_level, last) - p.first_level;
  const float scale = 1.0F / static_cast<float>(p.strides[static_cast<std::size_t>(level)]);
  const float x = roi.x1 * scale, y = roi.y1 * scale;
  const float w = std::max(roi.x2 * scale - x, 1.0F), h = std::max(roi.y2 * scale - y, 1.0F);
  return {level, y, x, h / static_cast<float>(p.bins_h), w / static_cast<float>(p.bins_w)};
}

RoiSample sample_at(float at, std::int64_t size) {
  if (!(at >= -1 && at <= static_cast<float>(size))) return {};
  at = std::max(at, 0.0F);
  const auto low = static_cast<std::int64_t>(at);
  if (low >= size - 1) return {size - 1, size - 1, 1, 0};
  const float part = at - static_cast<float>(low);
  return {low, low + 1, 1 - part, part};
}

namespace {

constexpr std::size_t kFirstMap = 2;

std::vector<OutputDesc> infer(const Node& node, std::span<const TensorDesc> inputs) {
  const auto& p = params<RoiAlignParams>(node);
  CHECK(!p.strides.empty() && inputs.size() == kFirstMap + p.strides.size(),
        "{}: {} inputs, expected boxes, their count and {} levels", node.name, inputs.size(),
        p.strides.size());
  const Shape& boxes = inputs[0].shape;
  CHECK(boxes.rank() == 3 && boxes[2] == 4 && inputs[0].dtype == DType::kFloat32,
        "{}: boxes are {}, expected float32 [n, rois, 4]", node.name, to_string(inputs[0]));
  CHECK((inputs[1] == TensorDesc{DType::kInt32, {boxes[0]}}), "{}: the count is {}, expected {}",
        node.name, to_string(inputs[1]), to_string(TensorDesc{DType::kInt32, {boxes[0]}}));
  for (const TensorDesc& map : inputs.subspan(kFirstMap)) {
    CHECK(map.shape.rank() == 4 && map.shape[0] == boxes[0] &&
              map.shape[1] == inputs[kFirstMap].shape[1],
          "{}: a level is {}, expected [{}, {}, h, w]", node.name, to_string(map), boxes[0],
          inputs[kFirstMap].shape[1]);
  }
  const TensorDesc dst{inputs[kFirstMap].dtype,
                       {boxes[0] * boxes[1], inputs[kFirstMap].shape[1], p.bins_h, p.bins_w}};
  return {{dst, {}, {RowsInUse::By::kInput, 1}}};
}

// The interpolated value at a point of a plane; 0 outside.
double value_at(const float* plane, std::int64_t width, const RoiSample& y, const RoiSample& x) {
  const auto along = [&](std::int64_t row) {
    return double{x.low_weight} * plane[row * width + x.low] +
           double{x.high_weight} * plane[row * width + x.high];
  };
  return y.low_weight * along(y.low) + y.high_weight * along(y.high);
}

double bin_mean(const RoiAlignParams& p, const RoiPlace& place, const float* plane,
                const Shape& map, int bin_y, int bin_x) {
  double sum = 0;
  for (int i = 0; i < p.samples; ++i) {
    for (int j = 0; j < p.samples; ++j) {
      const auto at = [&](float start, int bin, float size, int sample) {
        const float within = (static_cast<float>(sample) + 0.5F) * size;
        return start + static_cast<float>(bin) * size + within / static_cast<float>(p.samples);
      };
      sum += value_at(plane, map[3], sample_at(at(place.start_y, bin_y, place.bin_h, i), map[2]),
                      sample_at(at(place.start_x, bin_x, place.bin_w, j), map[3]));
    }
  }
  return sum / (p.samples * p.samples);
}

void reference(const Node& node, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  const auto& p = params<RoiAlignParams>(node);
  const Shape& boxes = inputs[0].desc.shape;
  const Shape& dst = outputs[0].desc.shape;
  for (std::int64_t row = 0; row < dst[0]; ++row) {
    const std::int64_t n = row / boxes[1];
    const bool used = row % boxes[1] < rows_in_use(inputs[1].as<std::int32_t>()[n]);
    const RoiPlace place = used ? place_of(inputs[0].as<Box>()[row], p) : RoiPlace{};
    const TensorView& level = inputs[kFirstMap + static_cast<std::size_t>(place.level)];
    const Shape& map = level.desc.shape;
    for (std::int64_t c = 0; c < dst[1]; ++c) {
      const float* plane = level.as<float>() + (n * map[1] + c) * map[2] * map[3];
      float* to = outputs[0].as<float>() + (row * dst[1] + c) * dst[2] * dst[3];
      for (int bin = 0; bin < p.bins_h * p.bins_w; ++bin) {
        to[bin] =
            used
                ? static_cast<float>(bin_mean(p, place, plane, map, bin / p.bins_w, bin % p.bins_w))
                : 0;
      }
    }
  }
}

std::string describe(const Node& node) {
  const auto& p = params<RoiAlignParams>(node);
  return fmt::format("{}x{} of {} levels", p.bins_h, p.bins_w, p.strides.size());
}

}  // namespace

const Op& roi_align_op() {
  static const Op op{"roi_align", infer, reference, no_multiply_adds, describe};
  return op;
}

ValueId roi_align(GraphBuilder& builder, ValueId boxes, ValueId count,
                  std::span<const ValueId> levels, std::string_view name,
                  const RoiAlignParams& params) {
  std::vector<ValueId> inputs{boxes, count};
  inputs.insert(inputs.end(), levels.begin(), levels.end());
  return builder.add(roi_align_op(), params, std::move(inputs), name);
}

}  // namespace nestor
