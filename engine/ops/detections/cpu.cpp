// Regions spread over threads for the probabilities, classes for the suppression, images for the
// order in the end.

#include <algorithm>

#include "engine/backends/cpu/planes.h"
#include "engine/boxes/kept_boxes.h"
#include "engine/boxes/ranking.h"
#include "engine/memory_slices.h"
#include "engine/ops/detections/detections.h"

namespace nestor {

namespace {

class Kernel : public cpu::PlaneKernel {
 public:
  Kernel(const DetectionsParams& params, std::int64_t images, std::int64_t rois,
         std::int64_t classes, std::int64_t most, int threads)
      : params_(params),
        images_(images),
        rois_(rois),
        classes_(classes),
        most_(most),
        threads_(threads) {}

  std::size_t workspace_bytes() const { return slices(nullptr).bytes; }

 protected:
  void run_planes(int threads) override {
    const Slices at = slices(workspace());
    std::fill_n(at.survivors, images_ * classes_, 0);
    for (std::int64_t n = 0; n < images_; ++n) {
      cpu::parallel_for(threads, used(n), [&](std::int64_t roi) { rate(at, n, roi); });
    }
    cpu::parallel_for(threads, images_ * classes_, [&](std::int64_t i, int thread) {
      suppress(at, i / classes_, i % classes_, thread);
    });
    cpu::parallel_for(threads, images_, [&](std::int64_t n) { report(at, n); });
  }

 private:
  // Of the workspace.
  struct Slices {
    float* scores;            // [image][class][region]
    std::int32_t* finite;     // [image][region], whether its logits are
    Rank* ranks;              // [image][class][region], of candidates, then of survivors
    std::int32_t* survivors;  // [image][class]; -1: a box is not finite
    float* kept;              // [thread], for the boxes that stay
    std::size_t bytes;
  };

  Slices slices(void* memory) const {
    MemorySlices rest(memory);
    const auto regions = static_cast<std::size_t>(images_ * rois_);
    const auto classes = static_cast<std::size_t>(classes_);
    Slices at{};
    at.scores = rest.next<float>(regions * classes);
    at.finite = rest.next<std::int32_t>(regions);
    at.ranks = rest.next<Rank>(regions * classes);
    at.survivors = rest.next<std::int32_t>(static_cast<std::size_t>(images_) * classes);
    at.kept = rest.next<float>(static_cast<std::size_t>(threads_) * KeptBoxes::num_floats(rois_));
    at.bytes = rest.bytes();
    return at;
  }

  std::int64_t used(std::int64_t n) const {
    return rows_in_use(static_cast<const std::int32_t*>(src(3))[n]);
  }

  Box box_of(std::int64_t n, std::int64_t class_id, std::int64_t roi) const {
    const std::int64_t row = n * rois_ + roi;
    const float* const deltas = static_cast<const float*>(src(1)) + (row * classes_ + class_id) * 4;
    return decode(static_cast<const Box*>(src(2))[row], deltas, kDetectionScale);
  }

  void rate(const Slices& at, std::int64_t n, std::int64_t roi) const {
    const float* const logits =
        static_cast<const float*>(src(0)) + (n * rois_ + roi) * (classes_ + 1);
    const bool finite =
        std::all_of(logits, logits + classes_ + 1, [](float x) { return std::isfinite(x); });
    at.finite[n * rois_ + roi] = finite ? 1 : 0;
    const float largest = *std::max_element(logits, logits + classes_ + 1);
    double sum = 0;
    for (std::int64_t e = 0; e <= classes_; ++e) sum += std::exp(double{logits[e]} - largest);
    for (std::int64_t c = 0; c < classes_; ++c) {
      at.scores[(n * classes_ + c) * rois_ + roi] =
          static_cast<float>(std::exp(double{logits[c + 1]} - largest) / sum);
    }
  }

  void suppress(const Slices& at, std::int64_t n, std::int64_t class_id, int thread) const {
    const std::int64_t list = n * classes_ + class_id;
    const float* const scores = at.scores + list * rois_;
    Rank* const ranks = at.ranks + list * rois_;
    std::int64_t candidates = 0;
    for (std::int64_t roi = 0; roi < used(n); ++roi) {
      if (!is_candidate(scores[roi], params_)) continue;
      ranks[candidates++] = rank_of(scores[roi], static_cast<std::uint32_t>(roi));
    }
    std::sort(ranks, ranks + candidates);
    KeptBoxes kept(at.kept + static_cast<std::size_t>(thread) * KeptBoxes::num_floats(rois_),
                   rois_);
    for (std::int64_t i = 0; i < candidates; ++i) {
      const std::uint32_t roi = place_of(ranks[i]);
      const Box box = box_of(n, class_id, roi);
      if (!is_finite(box)) {
        at.survivors[list] = -1;
        return;
      }
      if (!kept.admits(box, params_.nms_threshold)) continue;
      const auto place = static_cast<std::uint32_t>(class_id * rois_ + roi);
      ranks[kept.size()] = rank_of(score_of(ranks[i]), place);
      kept.add(box);
    }
    at.survivors[list] = static_cast<std::int32_t>(kept.size());
  }

  bool is_answer(const Slices& at, std::int64_t n) const {
    const auto none_of = [](const std::int32_t* begin, std::int64_t count, std::int32_t value) {
      return std::find(begin, begin + count, value) == begin + count;
    };
    return static_cast<const std::int32_t*>(src(3))[n] >= 0 &&
           none_of(at.finite + n * rois_, used(n), 0) &&
           none_of(at.survivors + n * classes_, classes_, -1);
  }

  void report(const Slices& at, std::int64_t n) const {
    std::int64_t reported = -1;
    if (is_answer(at, n)) {
      Rank* const all = at.ranks + n * classes_ * rois_;
      Rank* end = all;
      for (std::int64_t c = 0; c < classes_; ++c) {
        end = std::copy_n(all + c * rois_, at.survivors[n * classes_ + c], end);
      }
      reported = std::min<std::int64_t>(most_, end - all);
      std::partial_sort(all, all + reported, end);
      for (std::int64_t i = 0; i < reported; ++i) write(n, n * most_ + i, all[i]);
    }
    static_cast<std::int32_t*>(dst(4))[n] = static_cast<std::int32_t>(reported);
    fill_unused(n, rows_in_use(static_cast<std::int32_t>(reported)));
  }

  void write(std::int64_t n, std::int64_t row, Rank rank) const {
    const std::int64_t class_id = place_of(rank) / rois_, roi = place_of(rank) % rois_;
    static_cast<Box*>(dst(0))[row] = box_of(n, class_id, roi);
    static_cast<float*>(dst(1))[row] = score_of(rank);
    static_cast<std::int32_t*>(dst(2))[row] = static_cast<std::int32_t>(class_id);
    static_cast<std::int32_t*>(dst(3))[row] = static_cast<std::int32_t>(roi);
  }

  void fill_unused(std::int64_t n, std::int64_t reported) const {
    const std::int64_t first = n * most_ + reported, count = most_ - reported;
    std::fill_n(static_cast<float*>(dst(0)) + 4 * first, 4 * count, -1.0F);
    std::fill_n(static_cast<float*>(dst(1)) + first, count, -1.0F);
    std::fill_n(static_cast<std::int32_t*>(dst(2)) + first, count, -1);
    std::fill_n(static_cast<std::int32_t*>(dst(3)) + first, count, -1);
  }

  const DetectionsParams params_;
  std::int64_t images_, rois_, classes_, most_;
  int threads_;
};

StepChoice by_class(const StepRequest& request, CpuBackend&) {
  const BufferFormat floats{DType::kFloat32, Layout::kPlain};
  const BufferFormat numbers{DType::kInt32, Layout::kPlain};
  const Graph& graph = request.graph;
  const Node& node = request.node;
  const Shape& boxes = graph.desc(node.inputs[2]).shape;
  auto kernel = make_kernel<Kernel>(params<DetectionsParams>(node), boxes[0], boxes[1],
                                    graph.desc(node.inputs[0]).shape[1] - 1,
                                    graph.desc(node.outputs[1]).shape[1], request.threads);
  const std::size_t workspace_bytes = kernel->workspace_bytes();
  return {.variant = {},
          .inputs = {floats, floats, floats, numbers},
          .outputs = {floats, floats, numbers, numbers, numbers},
          .workspace_bytes = workspace_bytes,
          .kernel = std::move(kernel)};
}

}  // namespace

std::span<const CpuVariant> detections_cpu() {
  static constexpr CpuVariant kVariants[] = {{"by_class", by_class}};
  return kVariants;
}

}  // namespace nestor
