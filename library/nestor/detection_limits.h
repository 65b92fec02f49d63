#pragma once
// Which of its detections a detector reports.

#include "nestor/export.h"

namespace nestor {

struct NESTOR_API DetectionLimits {
  // Detections below this score are left out; so are, as in GluonCV, all up to 0.01.
  float score_threshold = 0.5F;
  // Of two boxes of a class that overlap by more, as intersection over union, the better one stays.
  float nms_threshold = 0.5F;
  int max_detections = -1;  // the best ones of an image; -1: all
};

}  // namespace nestor
