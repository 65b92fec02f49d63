#pragma once
// The small detector with random weights, on one device beside another.

#include <map>
#include <string>
#include <vector>

#include "engine/boxes/box.h"
#include "engine/model.h"
#include "nestor/session.h"

namespace nestor::test {

// faster_rcnn_fpn_resnest_mini.
GraphFunction mini_detector();

struct DetectorRun {
  struct Found {
    Box box;
    float score = 0;
    std::int32_t class_id = -1;
  };
  std::map<std::string, std::vector<float>> maps;  // some of the features
  std::vector<Found> found;
};

// Of one image, in float32.
DetectorRun mini_detector_on_cpu(const TensorView& image);

// CHECKs the features, and that what is found has its like there. Rounding moves what regions of
// untrained weights suppress: in float16 an eighth of what is found.
void check_mini_detector(Session& session, const TensorView& image, Precision precision,
                         const DetectorRun& expected);

}  // namespace nestor::test
