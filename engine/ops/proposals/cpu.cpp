// Scores by all threads, then an image a thread: a selection of the best, and boxes of these alone.

#include <algorithm>

#include "engine/backends/cpu/planes.h"
#include "engine/boxes/kept_boxes.h"
#include "engine/boxes/ranking.h"
#include "engine/memory_slices.h"
#include "engine/ops/proposals/proposals.h"

namespace nestor {

namespace {

constexpr std::int64_t kChunk = 4096;  // anchors that are scored by one thread

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const ProposalsParams& params, std::int64_t images)
      : params_(params),
        images_(images),
        anchors_(num_anchors(params.levels)),
        chunks_((anchors_ + kChunk - 1) / kChunk) {
    for (const AnchorLevel& level : params_.levels) cells_.push_back(cell_anchors(level.stride));
  }

  std::size_t workspace_bytes() const { return slices(nullptr).bytes; }

 protected:
  void run_planes(int threads) override {
    const Slices at = slices(workspace());
    cpu::parallel_for(threads, images_ * chunks_, [&](std::int64_t i) { score(at, i); });
    cpu::parallel_for(threads, images_, [&](std::int64_t n) { propose(at, n); });
  }

 private:
  // Of the workspace.
  struct Slices {
    Rank* ranks;           // [image][anchor]
    std::int32_t* finite;  // [image][chunk], whether its logits are
    float* kept;           // [image], for the boxes that stay
    std::size_t bytes;
  };

  Slices slices(void* memory) const {
    MemorySlices rest(memory);
    const auto images = static_cast<std::size_t>(images_);
    Slices at{};
    at.ranks = rest.next<Rank>(images * static_cast<std::size_t>(anchors_));
    at.finite = rest.next<std::int32_t>(images * static_cast<std::size_t>(chunks_));
    at.kept = rest.next<float>(images * KeptBoxes::num_floats(params_.post_nms));
    at.bytes = rest.bytes();
    return at;
  }

  void score(const Slices& at, std::int64_t i) const {
    const std::int64_t n = i / chunks_, first = i % chunks_ * kChunk;
    const std::int64_t end = std::min(first + kChunk, anchors_);
    const float* const logits = static_cast<const float*>(src(0)) + n * anchors_;
    bool finite = true;
    for (std::int64_t idx = first; idx < end; ++idx) {
      finite = finite && std::isfinite(logits[idx]);
      const float score = finite ? 1 / (1 + std::exp(-logits[idx])) : 0;
      at.ranks[n * anchors_ + idx] = rank_of(score, static_cast<std::uint32_t>(idx));
    }
    at.finite[i] = finite ? 1 : 0;
  }

  void propose(const Slices& at, std::int64_t n) const {
    const std::int32_t* const finite = at.finite + n * chunks_;
    std::int64_t used = -1;
    if (std::all_of(finite, finite + chunks_, [](std::int32_t all) { return all != 0; })) {
      Rank* const ranks = at.ranks + n * anchors_;
      const std::int64_t best = std::min(params_.pre_nms, anchors_);
      std::nth_element(ranks, ranks + best - 1, ranks + anchors_);
      std::sort(ranks, ranks + best);
      used = suppress(
          {ranks, static_cast<std::size_t>(best)},
          at.kept + static_cast<std::size_t>(n) * KeptBoxes::num_floats(params_.post_nms), n);
    }
    static_cast<std::int32_t*>(dst(3))[n] = static_cast<std::int32_t>(used);
    fill_unused(n, rows_in_use(static_cast<std::int32_t>(used)));
  }

  // Writes the survivors. Returns their number; -1 if a box is not finite.
  std::int64_t suppress(std::span<const Rank> best, float* memory, std::int64_t n) const {
    const float* const deltas = static_cast<const float*>(src(1)) + n * anchors_ * 4;
    const auto width = static_cast<float>(params_.width);
    const auto height = static_cast<float>(params_.height);
    KeptBoxes kept(memory, params_.post_nms);
    for (const Rank rank : best) {
      if (score_of(rank) == 0) break;
      const std::int64_t idx = place_of(rank);
      const Box decoded = decode(anchor_at(idx), deltas + 4 * idx);
      if (!is_finite(decoded)) return -1;  // those behind the last survivor count, too
      if (kept.size() == params_.post_nms) continue;
      const Box box = clip(decoded, width, height);
      if (!kept.admits(box, params_.nms_threshold)) continue;
      const std::int64_t row = n * params_.post_nms + kept.size();
      static_cast<Box*>(dst(0))[row] = box;
      static_cast<float*>(dst(1))[row] = score_of(rank);
      static_cast<std::int32_t*>(dst(2))[row] = static_cast<std::int32_t>(idx);
      kept.add(box);
    }
    return kept.size();
  }

  // As anchor() says, without its square roots.
  Box anchor_at(std::int64_t idx) const {
    std::size_t i = 0;
    while (idx >= params_.levels[i].num_anchors()) idx -= params_.levels[i++].num_anchors();
    const AnchorLevel& level = params_.levels[i];
    const Box& box = cells_[i][static_cast<std::size_t>(idx % kRatios)];
    const auto x = static_cast<float>(idx / kRatios % level.width * level.stride);
    const auto y = static_cast<float>(idx / kRatios / level.width * level.stride);
    return {box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y};
  }

  void fill_unused(std::int64_t n, std::int64_t used) const {
    const std::int64_t first = n * params_.post_nms + used, count = params_.post_nms - used;
    std::fill_n(static_cast<float*>(dst(0)) + 4 * first, 4 * count, -1.0F);
    std::fill_n(static_cast<float*>(dst(1)) + first, count, -1.0F);
    std::fill_n(static_cast<std::int32_t*>(dst(2)) + first, count, -1);
  }

  const ProposalsParams params_;
  std::int64_t images_, anchors_, chunks_;
  std::vector<std::array<Box, kRatios>> cells_;
};

StepChoice by_image(const StepRequest& request, CpuBackend&) {
  const BufferFormat floats{DType::kFloat32, Layout::kPlain};
  const BufferFormat numbers{DType::kInt32, Layout::kPlain};
  auto kernel = make_kernel<Kernel>(params<ProposalsParams>(request.node),
                                    request.graph.desc(request.node.inputs[0]).shape[0]);
  const std::size_t workspace_bytes = kernel->workspace_bytes();
  return {.variant = {},
          .inputs = {floats, floats},
          .outputs = {floats, floats, numbers, numbers},
          .workspace_bytes = workspace_bytes,
          .kernel = std::move(kernel)};
}

}  // namespace

std::span<const CpuVariant> proposals_cpu() {
  static constexpr CpuVariant kVariants[] = {{"by_image", by_image}};
  return kVariants;
}

}  // namespace nestor
