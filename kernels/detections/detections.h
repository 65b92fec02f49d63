#pragma once
// From the scores and deltas of regions to the objects that were found
// (engine/ops/detections/detections.h): softmax, the classes' own suppressions in one launch, and
// the best of all classes. Asynchronous.

#include "kernels/device/storage.h"
#include "kernels/device/workspace.h"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {

constexpr int kMostRegions = 1024;  // of an image: a class's are sorted in shared memory

struct DetectionsArgs {
  const float* logits = nullptr;       // [n][rois][classes + 1], the background first
  const float* deltas = nullptr;       // [n][rois][classes][4]
  const float* proposals = nullptr;    // [n][rois][4]
  const std::int32_t* used = nullptr;  // [n], regions in use; negative: no answer
  float* boxes = nullptr;              // [n][most][4]
  float* scores = nullptr;             // [n][most]
  std::int32_t* classes_of = nullptr;  // [n][most]
  std::int32_t* rois_of = nullptr;     // [n][most]
  std::int32_t* count = nullptr;       // [n]
  unsigned char* workspace = nullptr;  // as detections_workspace() says
  int n = 0, rois = 0, classes = 0;
  int most = 0;               // at most rois * classes
  float lowest_score = 0;     // that is left out
  float score_threshold = 0;  // lower scores are left out
  float nms_threshold = 0;
  float center_scale = 0, size_scale = 0;  // of deltas
};

// Offsets of what lies in the workspace.
struct DetectionsWorkspace {
  std::int64_t scores = 0;           // float [n][classes][rois]
  std::int64_t keys = 0, other = 0;  // 64-bit [n][sort_stride(classes * rois)]
  std::int64_t bad_rois = 0;         // int [n][rois]
  std::int64_t bad_lists = 0;        // int [n][classes]
  std::int64_t bytes = 0;
};

inline DetectionsWorkspace detections_workspace(std::int64_t n, std::int64_t rois,
                                                std::int64_t classes) {
  WorkspaceParts parts;
  DetectionsWorkspace at;
  at.scores = parts.next(n * classes * rois, 4);
  at.keys = parts.next(n * sort_stride(classes * rois), 8);
  at.other = parts.next(n * sort_stride(classes * rois), 8);
  at.bad_rois = parts.next(n * rois, 4);
  at.bad_lists = parts.next(n * classes, 4);
  at.bytes = parts.bytes();
  return at;
}

DeviceStatus detections(const DetectionsArgs& args, Stream stream);

}  // namespace nestor
