// Detections of each image.
//
//   rate      a warp a region: softmax over its classes; notes whether its logits are finite
//   suppress  a block an (image, class): its candidates as 64-bit keys of score and region, sorted in
//             shared memory; their boxes; then from the best one on, all threads mark what it
//             suppresses. Survivors become keys of score, class and region
//   sort      sort_keys(): the best of all classes
//   count     a block an image: how many there are, or that there is no answer
//   report    a thread a row of the result
//
// Shared memory of `suppress` 25 KB. A class without candidates, as most are, ends at once. float32;
// the same in every run. Not measured yet.
// Not hot: a dozen short launches a detector.
#include "kernels/detections/detections.h"
#include "kernels/device/boxes.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/warp.cuh"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;

struct StepArgs {
  DetectionsArgs given;
  float* scores;
  RankKey *keys, *sorted;
  std::int64_t key_stride;
  std::int32_t *bad_rois, *bad_lists;
};

__global__ void __launch_bounds__(kThreads)
    detection_rate_kernel(const __grid_constant__ StepArgs args) {
  const DetectionsArgs& given = args.given;
  const std::int64_t row =
      static_cast<std::int64_t>(blockIdx.x) * kWarps + warp_idx();  // of all images
  const std::int64_t image = row / given.rois;
  const int roi = static_cast<int>(row % given.rois);
  const bool exists = image < given.n;
  const bool used = exists && roi < given.used[image];
  const int entries = used ? given.classes + 1 : 0;
  const float* const logits = given.logits + row * (given.classes + 1);
  float largest = -3.4e38f;
  bool bad = false;
  for (int e = lane_idx(); e < entries; e += kWarpSize) {
    bad = bad || !is_finite(logits[e]);
    largest = fmaxf(largest, logits[e]);
  }
  largest = warp_max(largest);
  // In double, as the oracle: regions with the same logits in another order keep equal scores.
  double sum = 0;
  for (int e = lane_idx(); e < entries; e += kWarpSize) {
    sum += exp(static_cast<double>(logits[e]) - static_cast<double>(largest));
  }
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    sum += warp_shuffle_xor(sum, distance);
  }
  float* const scores = args.scores + image * given.classes * given.rois + roi;  // [classes], apart
  for (int e = lane_idx(); e < entries; e += kWarpSize) {
    const double power = exp(static_cast<double>(logits[e]) - static_cast<double>(largest));
    if (e > 0) {
      scores[static_cast<std::int64_t>(e - 1) * given.rois] = static_cast<float>(power / sum);
    }
  }
  const bool any = warp_any(bad);
  if (exists && lane_idx() == 0) args.bad_rois[row] = any ? 1 : 0;
}

struct SuppressSmem {
  SharedArray<RankKey, kMostRegions> keys;
  SharedArray<float, 4 * kMostRegions> boxes;
  SharedArray<int, kMostRegions> suppressed;
  SharedArray<int, kWarps> flags;
};

__device__ __forceinline__ DeviceBox proposal_box(const DetectionsArgs& given, std::int64_t image,
                                                  int class_id, int roi) {
  const std::int64_t row = image * given.rois + roi;
  const float* const b = given.proposals + 4 * row;
  return decode_box({b[0], b[1], b[2], b[3]}, given.deltas + (row * given.classes + class_id) * 4,
                    given.center_scale, given.size_scale);
}

// Bitonic, of as many keys as there may be regions.
__device__ __forceinline__ void sort_in_block(SuppressSmem& smem) {
  for (int size = 2; size <= kMostRegions; size *= 2) {
    for (int distance = size / 2; distance > 0; distance /= 2) {
      for (int pair = static_cast<int>(threadIdx.x); pair < kMostRegions / 2; pair += kThreads) {
        const int a = pair / distance * 2 * distance + pair % distance, b = a + distance;
        const RankKey low = smem.keys[a], high = smem.keys[b];
        if ((low > high) == ((a & size) == 0)) {
          smem.keys[a] = high;
          smem.keys[b] = low;
        }
      }
      __syncthreads();  // the step is done before the next one compares
    }
  }
}

// Whether it is so on any thread of the block.
__device__ __forceinline__ bool block_any(bool value, SuppressSmem& smem) {
  const bool of_warp = warp_any(value);
  if (lane_idx() == 0) smem.flags[warp_idx()] = of_warp ? 1 : 0;
  __syncthreads();  // all warps' flags are there
  bool any = false;
  for (int warp = 0; warp < kWarps; ++warp) any = any || smem.flags[warp] != 0;
  __syncthreads();  // they have been read before the next call writes
  return any;
}

__global__ void __launch_bounds__(kThreads)
    detection_suppress_kernel(const __grid_constant__ StepArgs args) {
  SuppressSmem& smem = block_smem<SuppressSmem>();
  const DetectionsArgs& given = args.given;
  const int class_id = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const std::int64_t image = blockIdx.y;
  const std::int64_t list = image * given.classes + class_id;
  const float* const scores = args.scores + list * given.rois;
  bool own_candidate = false;
  for (int roi = thread; roi < kMostRegions; roi += kThreads) {
    const bool used = roi < given.rois && roi < given.used[image];
    const float score = used ? scores[roi] : 0.0f;
    const bool candidate = score > given.lowest_score && score >= given.score_threshold;
    smem.keys[roi] = candidate ? rank_key(score, static_cast<unsigned>(roi)) : kNoRank;
    own_candidate = own_candidate || candidate;
  }
  bool bad = false;
  if (block_any(own_candidate, smem)) {
    sort_in_block(smem);
    for (int i = thread; i < kMostRegions; i += kThreads) {
      smem.suppressed[i] = 0;
      if (smem.keys[i] == kNoRank) continue;
      const DeviceBox box =
          proposal_box(given, image, class_id, static_cast<int>(place_of(smem.keys[i])));
      bad = bad || !is_finite(box);
      smem.boxes[4 * i] = box.x1;
      smem.boxes[4 * i + 1] = box.y1;
      smem.boxes[4 * i + 2] = box.x2;
      smem.boxes[4 * i + 3] = box.y2;
    }
    bad = block_any(bad, smem);  // and all boxes are there
    const auto box_at = [&smem](int i) -> DeviceBox {
      return {smem.boxes[4 * i], smem.boxes[4 * i + 1], smem.boxes[4 * i + 2],
              smem.boxes[4 * i + 3]};
    };
    for (int best = 0; best < kMostRegions && smem.keys[best] != kNoRank && !bad; ++best) {
      if (smem.suppressed[best] == 0) {
        const DeviceBox own = box_at(best);
        for (int i = best + 1 + thread; i < kMostRegions; i += kThreads) {
          const bool there = smem.keys[i] != kNoRank && smem.suppressed[i] == 0;
          if (there && boxes_overlap(own, box_at(i), given.nms_threshold)) smem.suppressed[i] = 1;
        }
        __syncthreads();  // what the best one suppresses is marked before the next one is looked at
      }
    }
  }
  RankKey* const to =
      args.keys + image * args.key_stride + static_cast<std::int64_t>(class_id) * given.rois;
  for (int i = thread; i < given.rois; i += kThreads) {
    const RankKey key = smem.keys[i];
    const unsigned place = static_cast<unsigned>(class_id * given.rois) + place_of(key);
    const bool survives = key != kNoRank && smem.suppressed[i] == 0;
    to[i] = survives ? rank_key(score_of(key), place) : kNoRank;
  }
  if (thread == 0) args.bad_lists[list] = bad ? 1 : 0;
}

struct CountSmem {
  SharedArray<int, kWarps> flags;
};

__global__ void __launch_bounds__(kThreads)
    detection_count_kernel(const __grid_constant__ StepArgs args) {
  CountSmem& smem = block_smem<CountSmem>();
  const DetectionsArgs& given = args.given;
  const std::int64_t image = blockIdx.x;
  bool bad = given.used[image] < 0;
  for (int i = static_cast<int>(threadIdx.x); i < given.rois; i += kThreads) {
    bad = bad || args.bad_rois[image * given.rois + i] != 0;
  }
  for (int i = static_cast<int>(threadIdx.x); i < given.classes; i += kThreads) {
    bad = bad || args.bad_lists[image * given.classes + i] != 0;
  }
  const bool of_warp = warp_any(bad);
  if (lane_idx() == 0) smem.flags[warp_idx()] = of_warp ? 1 : 0;
  __syncthreads();  // all warps' flags are there
  if (threadIdx.x == 0) {
    bool any = false;
    for (int warp = 0; warp < kWarps; ++warp) any = any || smem.flags[warp] != 0;
    const RankKey* const sorted = args.sorted + image * args.key_stride;
    int low = 0, high = given.most;  // the first of the sorted keys that is none
    while (low < high) {
      const int middle = (low + high) / 2;
      const bool there = sorted[middle] != kNoRank;
      low = there ? middle + 1 : low;
      high = there ? high : middle;
    }
    given.count[image] = any ? -1 : low;
  }
}

__global__ void __launch_bounds__(kThreads)
    detection_report_kernel(const __grid_constant__ StepArgs args) {
  const DetectionsArgs& given = args.given;
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const std::int64_t image = blockIdx.y;
  if (i < given.most) {
    const std::int64_t to = image * given.most + i;
    DeviceBox box{-1, -1, -1, -1};
    float score = -1;
    int class_id = -1, roi = -1;
    if (i < given.count[image]) {
      const RankKey key = args.sorted[image * args.key_stride + i];
      class_id = static_cast<int>(place_of(key)) / given.rois;
      roi = static_cast<int>(place_of(key)) % given.rois;
      box = proposal_box(given, image, class_id, roi);
      score = score_of(key);
    }
    given.boxes[4 * to] = box.x1;
    given.boxes[4 * to + 1] = box.y1;
    given.boxes[4 * to + 2] = box.x2;
    given.boxes[4 * to + 3] = box.y2;
    given.scores[to] = score;
    given.classes_of[to] = class_id;
    given.rois_of[to] = roi;
  }
}

}  // namespace

DeviceStatus detections(const DetectionsArgs& args, Stream stream) {
  const std::int64_t all = static_cast<std::int64_t>(args.rois) * args.classes;
  if (args.n < 1 || args.n > 65535 || args.rois < 1 || args.rois > kMostRegions ||
      args.classes < 1 || args.most < 1 || args.most > all) {
    return {DeviceCode::kInvalidArgument, "detections: an extent is not possible"};
  }
  const DetectionsWorkspace at = detections_workspace(args.n, args.rois, args.classes);
  auto* const keys = reinterpret_cast<RankKey*>(args.workspace + at.keys);
  auto* const other = reinterpret_cast<RankKey*>(args.workspace + at.other);
  const StepArgs step{args,
                      reinterpret_cast<float*>(args.workspace + at.scores),
                      keys,
                      sorted_in_other(all) ? other : keys,
                      sort_stride(all),
                      reinterpret_cast<std::int32_t*>(args.workspace + at.bad_rois),
                      reinterpret_cast<std::int32_t*>(args.workspace + at.bad_lists)};
  const auto n = static_cast<unsigned>(args.n), classes = static_cast<unsigned>(args.classes);
  const auto rate_blocks =
      static_cast<unsigned>((static_cast<std::int64_t>(args.n) * args.rois + kWarps - 1) / kWarps);
  const auto report_blocks = static_cast<unsigned>((args.most + kThreads - 1) / kThreads);
  DeviceStatus status =
      launch(detection_rate_kernel, {"detection_rate", {rate_blocks}, kThreads}, stream, step);
  if (status.code == DeviceCode::kOk) {
    status =
        launch(detection_suppress_kernel,
               {"detection_suppress", {classes, n}, kThreads, sizeof(SuppressSmem)}, stream, step);
  }
  if (status.code == DeviceCode::kOk) {
    status = sort_keys({keys, other, args.n, all, args.most}, stream);
  }
  if (status.code == DeviceCode::kOk) {
    status = launch(detection_count_kernel, {"detection_count", {n}, kThreads, sizeof(CountSmem)},
                    stream, step);
  }
  if (status.code == DeviceCode::kOk) {
    status = launch(detection_report_kernel, {"detection_report", {report_blocks, n}, kThreads},
                    stream, step);
  }
  return status;
}

}  // namespace nestor
