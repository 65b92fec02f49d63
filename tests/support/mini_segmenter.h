#pragma once
// The small segmenter with random weights, on one device beside another.

#include <map>
#include <string>
#include <vector>

#include "engine/model.h"
#include "nestor/session.h"

namespace nestor::test {

// deeplab_resnest_mini.
GraphFunction mini_segmenter();

// "classes" and some of the maps before them, of whole batches.
using SegmenterRun = std::map<std::string, std::vector<float>>;

// In float32.
SegmenterRun mini_segmenter_on_cpu(const TensorView& images);

// CHECKs the maps, and that pixels have the same class. Rounding decides between classes whose
// scores are alike: in float16 of one pixel in twenty.
void check_mini_segmenter(Session& session, const TensorView& images, Precision precision,
                          const SegmenterRun& expected);

}  // namespace nestor::test
