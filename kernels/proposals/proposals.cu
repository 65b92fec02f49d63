// Region proposals of each image.
//
//   keys    a thread an anchor: sigmoid, and the score with the anchor's number as one 64-bit key;
//           a warp notes whether its logits are finite
//   sort    sort_keys(): the pre_nms best, in order
//   boxes   a thread a best anchor: decoded, then clipped; a warp notes whether its boxes are finite
//   mask    a block of 64 threads for 64 rows and 64 columns above the diagonal: bit j of row i says
//           that best anchor i would suppress j
//   scan    a block an image: walks over words of 64 best anchors. One thread decides within a word,
//           which needs 64 bits of each of its rows; all threads then mark what its survivors
//           suppress in later words, and write the survivors
//
//            word 0   word 1   word 2
//   row 0     .11      0100     ...      survivors of word 0 are known before word 1 is looked at,
//   row 1     ..0      1000     ...      and so on: the order of scores is kept
//
// No counts or numbers leave the device, and no atomics are used: all is the same in every run.
// Shared memory of the scan 1.6 KB. Not measured yet.
// Not hot: seven to fifteen short launches a detector.
#include "kernels/device/boxes.cuh"
#include "kernels/device/launch.h"
#include "kernels/device/warp.cuh"
#include "kernels/proposals/proposals.h"
#include "kernels/sort_keys/sort_keys.h"

namespace nestor {
namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarpSize;
constexpr int kWord = 64;
constexpr int kMostWords = kMostBestAnchors / kWord;
// Of the scan on a multiprocessor: left to itself, ptxas aims at more on sm_90a and spills.
constexpr int kScansAtOnce = 4;

using Word = unsigned long long;

int words_of(int pre_nms) { return (pre_nms + kWord - 1) / kWord; }
int warps_of(int count) { return (count + kWarpSize - 1) / kWarpSize; }

struct StepArgs {
  ProposalsArgs given;
  RankKey *keys, *sorted;
  std::int64_t key_stride;
  Word* mask;
  float* boxes;
  std::int32_t *bad_logits, *bad_boxes;
  int words, logit_warps, box_warps;
};

__global__ void __launch_bounds__(kThreads)
    proposal_keys_kernel(const __grid_constant__ StepArgs args) {
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const std::int64_t image = blockIdx.y;
  const bool exists = i < args.given.anchors;
  const float logit = exists ? args.given.logits[image * args.given.anchors + i] : 0.0f;
  const bool bad = warp_any(!is_finite(logit));
  if (exists) {
    const float score = is_finite(logit) ? 1.0f / (1.0f + expf(-logit)) : 0.0f;
    args.keys[image * args.key_stride + i] =
        score > 0 ? rank_key(score, static_cast<unsigned>(i)) : kNoRank;
    if (lane_idx() == 0) args.bad_logits[image * args.logit_warps + i / kWarpSize] = bad ? 1 : 0;
  }
}

__device__ __forceinline__ DeviceBox anchor_of(const ProposalsArgs& args, int place) {
  int level = 0;
  int size = args.levels[0].height * args.levels[0].width * kAnchorsOfCell;
  while (place >= size) {
    place -= size;
    ++level;
    size = args.levels[level].height * args.levels[level].width * kAnchorsOfCell;
  }
  const ProposalLevel& from = args.levels[level];
  const float* const corners = from.cell[place % kAnchorsOfCell];
  const int cell = place / kAnchorsOfCell;
  const auto x = static_cast<float>(cell % from.width * from.stride);
  const auto y = static_cast<float>(cell / from.width * from.stride);
  return {corners[0] + x, corners[1] + y, corners[2] + x, corners[3] + y};
}

__device__ __forceinline__ float within(float x, float end) { return fminf(fmaxf(x, 0.0f), end); }

__global__ void __launch_bounds__(kThreads)
    proposal_boxes_kernel(const __grid_constant__ StepArgs args) {
  const ProposalsArgs& given = args.given;
  const int i = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
  const std::int64_t image = blockIdx.y;
  const RankKey key = i < given.pre_nms ? args.sorted[image * args.key_stride + i] : kNoRank;
  DeviceBox box{0, 0, 0, 0};
  if (key != kNoRank) {
    const auto place = static_cast<int>(place_of(key));
    const float* const deltas = given.deltas + (image * given.anchors + place) * 4;
    box = decode_box(anchor_of(given, place), deltas, 1.0f, 1.0f);
  }
  const bool bad = warp_any(!is_finite(box));
  if (i < given.pre_nms) {
    float* const dst = args.boxes + (image * given.pre_nms + i) * 4;
    dst[0] = within(box.x1, given.width);
    dst[1] = within(box.y1, given.height);
    dst[2] = within(box.x2, given.width);
    dst[3] = within(box.y2, given.height);
    if (lane_idx() == 0) args.bad_boxes[image * args.box_warps + i / kWarpSize] = bad ? 1 : 0;
  }
}

__device__ __forceinline__ DeviceBox box_at(const float* boxes, std::int64_t i) {
  return {boxes[4 * i], boxes[4 * i + 1], boxes[4 * i + 2], boxes[4 * i + 3]};
}

struct MaskSmem {
  SharedArray<float, 4 * kWord> columns;
};

__global__ void __launch_bounds__(kWord)
    proposal_mask_kernel(const __grid_constant__ StepArgs args) {
  MaskSmem& smem = block_smem<MaskSmem>();
  const int word = static_cast<int>(blockIdx.x), row_word = static_cast<int>(blockIdx.y);
  const int pre_nms = args.given.pre_nms, thread = static_cast<int>(threadIdx.x);
  const float* const boxes = args.boxes + static_cast<std::int64_t>(blockIdx.z) * pre_nms * 4;
  const int column = word * kWord + thread;
  if (column < pre_nms) {
    for (int k = 0; k < 4; ++k) smem.columns[4 * thread + k] = boxes[std::int64_t{4} * column + k];
  }
  __syncthreads();  // the columns' boxes are there
  const int row = row_word * kWord + thread;
  if (word >= row_word && row < pre_nms) {
    const DeviceBox own = box_at(boxes, row);
    Word bits = 0;
    for (int j = 0; j < kWord; ++j) {
      const int other = word * kWord + j;
      if (other <= row || other >= pre_nms) continue;
      const bool suppressed =
          boxes_overlap(own, box_at(smem.columns.begin(), j), args.given.threshold);
      bits |= suppressed ? Word{1} << j : 0;
    }
    args.mask[(static_cast<std::int64_t>(blockIdx.z) * pre_nms + row) * args.words + word] = bits;
  }
}

struct ScanSmem {
  SharedArray<Word, kMostWords> removed;
  SharedArray<Word, kWord> diagonal;
  SharedArray<Word, 1> kept;
  SharedArray<int, kWarps> bad;
};

// Whether any number is not 0, on all threads.
__device__ __forceinline__ bool block_any(const std::int32_t* numbers, int count, ScanSmem& smem) {
  bool any = false;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads)
    any = any || numbers[i] != 0;
  const bool of_warp = warp_any(any);
  __syncthreads();  // the flags of the last call have been read
  if (lane_idx() == 0) smem.bad[warp_idx()] = of_warp ? 1 : 0;
  __syncthreads();  // all warps' flags are there
  bool result = false;
  for (int warp = 0; warp < kWarps; ++warp) result = result || smem.bad[warp] != 0;
  return result;
}

__device__ __forceinline__ int bits_in(Word word) {
  return __popc(static_cast<unsigned>(word)) + __popc(static_cast<unsigned>(word >> 32));
}

// Of the alive ones of a word those that no better one of them suppresses; `most` at most.
__device__ __forceinline__ Word decide(Word alive, int most, ScanSmem& smem) {
  Word kept = 0;
  for (int i = 0; i < kWord && most > 0; ++i) {
    if ((alive >> i & 1) == 0) continue;
    kept |= Word{1} << i;
    alive &= ~smem.diagonal[i];
    --most;
  }
  return kept;
}

__global__ void __launch_bounds__(kThreads, kScansAtOnce)
    proposal_scan_kernel(const __grid_constant__ StepArgs args) {
  ScanSmem& smem = block_smem<ScanSmem>();
  const ProposalsArgs& given = args.given;
  const std::int64_t image = blockIdx.x;
  const int thread = static_cast<int>(threadIdx.x), pre_nms = given.pre_nms;
  const RankKey* const keys = args.sorted + image * args.key_stride;
  const Word* const mask = args.mask + image * pre_nms * args.words;
  const bool bad_logits =
      block_any(args.bad_logits + image * args.logit_warps, args.logit_warps, smem);
  const bool bad =
      block_any(args.bad_boxes + image * args.box_warps, args.box_warps, smem) || bad_logits;
  for (int word = thread; word < args.words; word += kThreads) smem.removed[word] = 0;
  int found = 0;
  for (int word = 0; word < args.words && found < given.post_nms && !bad; ++word) {
    const int row = word * kWord + thread;
    const bool exists = thread < kWord && row < pre_nms && keys[row] != kNoRank;
    if (thread < kWord) {
      smem.diagonal[thread] = exists ? mask[static_cast<std::int64_t>(row) * args.words + word] : 0;
    }
    __syncthreads();  // removed bits of this word and its diagonal are there
    if (thread == 0) {
      Word alive = 0;
      for (int i = 0; i < kWord; ++i) {
        const int at = word * kWord + i;
        if (at < pre_nms && keys[at] != kNoRank) alive |= Word{1} << i;
      }
      smem.kept[0] = decide(alive & ~smem.removed[word], given.post_nms - found, smem);
    }
    __syncthreads();  // the word's survivors are known
    const Word kept = smem.kept[0];
    for (int later = word + 1 + thread; later < args.words; later += kThreads) {
      Word removed = smem.removed[later];
      for (int i = 0; i < kWord; ++i) {
        const std::int64_t survivor = static_cast<std::int64_t>(word) * kWord + i;
        if ((kept >> i & 1) != 0) removed |= mask[survivor * args.words + later];
      }
      smem.removed[later] = removed;
    }
    if (thread < kWord && (kept >> thread & 1) != 0) {
      const int rank = found + bits_in(kept & ((Word{1} << thread) - 1));
      const std::int64_t to = image * given.post_nms + rank;
      const float* const box = args.boxes + (image * pre_nms + row) * 4;
      for (int k = 0; k < 4; ++k) given.boxes[4 * to + k] = box[k];
      given.scores[to] = score_of(keys[row]);
      given.places[to] = static_cast<std::int32_t>(place_of(keys[row]));
    }
    found += bits_in(kept);
  }
  for (int i = found + thread; i < given.post_nms; i += kThreads) {
    const std::int64_t to = image * given.post_nms + i;
    for (int k = 0; k < 4; ++k) given.boxes[4 * to + k] = -1.0f;
    given.scores[to] = -1.0f;
    given.places[to] = -1;
  }
  if (thread == 0) given.count[image] = bad ? -1 : found;
}

unsigned blocks_of(int count, int threads) {
  return static_cast<unsigned>((count + threads - 1) / threads);
}

}  // namespace

DeviceStatus proposals(const ProposalsArgs& args, Stream stream) {
  if (args.n < 1 || args.n > 65535 || args.num_levels < 1 || args.num_levels > kMaxProposalLevels ||
      args.pre_nms < 1 || args.pre_nms > args.anchors || args.pre_nms > kMostBestAnchors ||
      args.post_nms < 1) {
    return {DeviceCode::kInvalidArgument, "proposals: an extent is not possible"};
  }
  const ProposalsWorkspace at = proposals_workspace(args.n, args.anchors, args.pre_nms);
  auto* const keys = reinterpret_cast<RankKey*>(args.workspace + at.keys);
  auto* const other = reinterpret_cast<RankKey*>(args.workspace + at.other);
  const StepArgs step{args,
                      keys,
                      sorted_in_other(args.anchors) ? other : keys,
                      sort_stride(args.anchors),
                      reinterpret_cast<Word*>(args.workspace + at.mask),
                      reinterpret_cast<float*>(args.workspace + at.boxes),
                      reinterpret_cast<std::int32_t*>(args.workspace + at.bad_logits),
                      reinterpret_cast<std::int32_t*>(args.workspace + at.bad_boxes),
                      words_of(args.pre_nms),
                      warps_of(args.anchors),
                      warps_of(args.pre_nms)};
  const auto n = static_cast<unsigned>(args.n), words = static_cast<unsigned>(step.words);
  DeviceStatus status =
      launch(proposal_keys_kernel,
             {"proposal_keys", {blocks_of(args.anchors, kThreads), n}, kThreads}, stream, step);
  if (status.code == DeviceCode::kOk) {
    status = sort_keys({keys, other, args.n, args.anchors, args.pre_nms}, stream);
  }
  if (status.code == DeviceCode::kOk) {
    status =
        launch(proposal_boxes_kernel,
               {"proposal_boxes", {blocks_of(args.pre_nms, kThreads), n}, kThreads}, stream, step);
  }
  if (status.code == DeviceCode::kOk) {
    status = launch(proposal_mask_kernel,
                    {"proposal_mask", {words, words, n}, kWord, sizeof(MaskSmem)}, stream, step);
  }
  if (status.code == DeviceCode::kOk) {
    status = launch(proposal_scan_kernel, {"proposal_scan", {n}, kThreads, sizeof(ScanSmem)},
                    stream, step);
  }
  return status;
}

}  // namespace nestor
