#pragma once
// The regions that a region proposal network proposes (engine/ops/proposals/proposals.h): scores,
// the best anchors, their boxes, one suppression over all levels. Asynchronous.

#include "kernels/device/storage.h"
#include "kernels/device/workspace.h"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {

constexpr int kMaxProposalLevels = 8;
constexpr int kAnchorsOfCell = 3;
constexpr int kMostBestAnchors = 8192;  // bits of what is suppressed lie in shared memory

struct ProposalLevel {
  int stride = 0, height = 0, width = 0;  // of the map, in cells
  float cell[kAnchorsOfCell][4] = {};     // corners of the anchors of the cell in row 0, column 0
};

struct ProposalsArgs {
  const float* logits = nullptr;       // [n][anchors]
  const float* deltas = nullptr;       // [n][anchors][4]
  float* boxes = nullptr;              // [n][post_nms][4]
  float* scores = nullptr;             // [n][post_nms]
  std::int32_t* places = nullptr;      // [n][post_nms], numbers of anchors
  std::int32_t* count = nullptr;       // [n]
  unsigned char* workspace = nullptr;  // as proposals_workspace() says
  ProposalLevel levels[kMaxProposalLevels];
  int num_levels = 0;
  int n = 0, anchors = 0;
  int pre_nms = 0, post_nms = 0;  // pre_nms: at most the anchors and kMostBestAnchors
  float height = 0, width = 0;    // of the network's input
  float threshold = 0;
};

// Offsets of what lies in the workspace.
struct ProposalsWorkspace {
  std::int64_t keys = 0, other = 0;  // 64-bit [n][sort_stride(anchors)]
  std::int64_t mask = 0;             // 64-bit [n][pre_nms][words of 64 bits]
  std::int64_t boxes = 0;            // float [n][pre_nms][4]
  std::int64_t bad_logits = 0;       // int [n][warps of anchors]
  std::int64_t bad_boxes = 0;        // int [n][warps of pre_nms]
  std::int64_t bytes = 0;
};

inline ProposalsWorkspace proposals_workspace(std::int64_t n, std::int64_t anchors,
                                              std::int64_t pre_nms) {
  WorkspaceParts parts;
  ProposalsWorkspace at;
  at.keys = parts.next(n * sort_stride(anchors), 8);
  at.other = parts.next(n * sort_stride(anchors), 8);
  at.mask = parts.next(n * pre_nms * ((pre_nms + 63) / 64), 8);
  at.boxes = parts.next(n * pre_nms * 4, 4);
  at.bad_logits = parts.next(n * ((anchors + 31) / 32), 4);
  at.bad_boxes = parts.next(n * ((pre_nms + 31) / 32), 4);
  at.bytes = parts.bytes();
  return at;
}

DeviceStatus proposals(const ProposalsArgs& args, Stream stream);

}  // namespace nestor
