#pragma once
// The anchors of a region proposal network: three boxes around each cell of each level, with areas
// of (8 strides)^2 and ratios of height to width of 0.5, 1 and 2. Their order is levels, rows,
// columns, ratios. Source: dmlc/gluon-cv:gluoncv/model_zoo/rcnn/rpn/anchor.py@v0.7.0.

#include <array>
#include <cstdint>
#include <span>

#include "engine/boxes/box.h"

namespace nestor {

inline constexpr int kRatios = 3;

// A level's map of height x width cells, each of stride x stride pixels.
struct AnchorLevel {
  int stride = 0;
  std::int64_t height = 0, width = 0;

  std::int64_t num_anchors() const { return height * width * kRatios; }
};

// Those of the cell in row 0, column 0; the others are shifted by strides.
std::array<Box, kRatios> cell_anchors(int stride);

// Number `idx` of all levels' anchors.
Box anchor(std::span<const AnchorLevel> levels, std::int64_t idx);

std::int64_t num_anchors(std::span<const AnchorLevel> levels);

}  // namespace nestor
