#include "library/multi_scale/evaluation.h"

#include <algorithm>
#include <limits>

#include "engine/check.h"
#include "engine/image/align_corners.h"
#include "engine/session_internals.h"
#include "library/multi_scale/plan.h"
#include "library/multi_scale/scaled_image.h"
#include "library/multi_scale/score_map.h"
#include "library/multi_scale/threads.h"

namespace nestor {

namespace {

constexpr std::int64_t kBandFloats = std::int64_t{1} << 21;  // of scores that a thread adds up

const std::string kLogits = "logits";

// A network input that is waiting to be run: a window, or its mirror image.
struct Pending {
  ScaleWindow window;
  bool mirrored;
};

// The windows of one scale through the network, several at once.
class WindowRun {
 public:
  WindowRun(Session& session, const MultiScaleOptions& options, int num_classes,
            std::span<const float> black)
      : session_(session), options_(options), num_classes_(num_classes), black_(black) {
    // A window and its mirror image run together.
    per_batch_ = std::max<std::size_t>(1, options.batch_size / views());
  }

  // [n, 3, crop, crop].
  Shape largest_batch(std::span<const ScalePlan> plans) const {
    std::size_t most = 0;
    for (const ScalePlan& plan : plans) most = std::max(most, plan.windows.size());
    return shape_of(std::min(per_batch_, most) * views());
  }

  void run(const ScaledImage& image, const ScalePlan& plan, ScoreMap& scores) {
    const std::span<const ScaleWindow> windows = plan.windows;
    for (std::size_t first = 0; first < windows.size(); first += per_batch_) {
      run_batch(image, windows.subspan(first, std::min(per_batch_, windows.size() - first)),
                scores);
    }
    in_threads(session_.threads(), num_classes_,
               [&](int begin, int end) { scores.average(plan, begin, end); });
  }

 private:
  std::size_t views() const { return options_.flip ? 2 : 1; }

  Shape shape_of(std::size_t count) const {
    return {static_cast<std::int64_t>(count), 3, options_.crop_size, options_.crop_size};
  }

  void run_batch(const ScaledImage& image, std::span<const ScaleWindow> windows, ScoreMap& scores) {
    const int crop = options_.crop_size;
    const std::size_t pixels = static_cast<std::size_t>(crop) * static_cast<std::size_t>(crop);
    const std::size_t count = windows.size() * views();
    input_.resize(count * 3 * pixels);
    for (std::size_t i = 0; i < count; ++i) {
      copy_window(image, windows[i / views()], black_, crop, i % views() == 1,
                  input_.data() + i * 3 * pixels);
    }
    const std::span<const Session::Output> outputs =
        session_.run({{DType::kFloat32, shape_of(count)}, input_.data()}, {&kLogits, 1});
    const float* const logits = outputs.back().tensor.as<float>();
    const std::size_t floats = static_cast<std::size_t>(num_classes_) * pixels;
    for (std::size_t i = 0; i < windows.size(); ++i) {
      const float* const plain = logits + i * views() * floats;
      const float* const mirrored = options_.flip ? plain + floats : nullptr;
      in_threads(session_.threads(), num_classes_, [&](int begin, int end) {
        scores.add(windows[i], plain, mirrored, crop, begin, end);
      });
    }
  }

  Session& session_;
  const MultiScaleOptions& options_;
  int num_classes_;
  std::span<const float> black_;
  std::size_t per_batch_ = 1;  // windows
  std::vector<float> input_;
};

// The sum of all scales' scores in the image's size, a band of rows at a time.
class Sum {
 public:
  Sum(std::span<const ScoreMap> maps, int num_classes, MultiScaleResult& result)
      : maps_(maps), num_classes_(num_classes), result_(result) {
    for (const ScoreMap& map : maps) {
      resizes_.emplace_back(map.height(), map.width(), result.map.height, result.map.width);
    }
  }

  // Rows [first, end).
  void rows(int first, int end) {
    const int width = result_.map.width;
    const auto band = static_cast<int>(
        std::clamp<std::int64_t>(kBandFloats / (std::int64_t{num_classes_} * width), 1, 64));
    std::vector<float> sums(static_cast<std::size_t>(band) *
                            static_cast<std::size_t>(width * num_classes_));
    std::vector<float> part(static_cast<std::size_t>(band) * static_cast<std::size_t>(width));
    std::vector<float> scratch(resizes_[0].scratch_floats());
    for (int y = first; y < end; y += band) {
      const int last = std::min(y + band, end);
      for (int k = 0; k < num_classes_; ++k) {
        add_up(k, y, last, part, scratch, sums.data() + std::ptrdiff_t{k} * band * width);
      }
      classify(y, last, band, sums.data());
    }
  }

 private:
  void add_up(int class_id, int first, int end, std::vector<float>& part,
              std::vector<float>& scratch, float* sums) {
    const auto count =
        static_cast<std::size_t>(end - first) * static_cast<std::size_t>(result_.map.width);
    std::fill_n(sums, count, 0.0F);
    for (std::size_t s = 0; s < maps_.size(); ++s) {
      resizes_[s].rows(maps_[s].plane(class_id), first, end, part.data(), scratch.data());
      for (std::size_t i = 0; i < count; ++i) sums[i] += part[i];
    }
    if (result_.scores.empty()) return;
    const std::ptrdiff_t plane = std::ptrdiff_t{result_.map.height} * result_.map.width;
    std::copy_n(
        sums, count,
        result_.scores.data() + class_id * plane + std::ptrdiff_t{first} * result_.map.width);
  }

  // The first of the largest.
  void classify(int first, int end, int band, const float* sums) {
    const int width = result_.map.width;
    const std::ptrdiff_t plane = std::ptrdiff_t{band} * width;
    for (std::ptrdiff_t i = 0; i < std::ptrdiff_t{end - first} * width; ++i) {
      float largest = -std::numeric_limits<float>::infinity();
      std::uint8_t best = 0;
      for (int k = 0; k < num_classes_; ++k) {
        if (!(sums[k * plane + i] > largest)) continue;
        largest = sums[k * plane + i];
        best = static_cast<std::uint8_t>(k);
      }
      result_.map.classes[static_cast<std::size_t>(std::ptrdiff_t{first} * width + i)] = best;
    }
  }

  std::span<const ScoreMap> maps_;
  int num_classes_;
  MultiScaleResult& result_;
  std::vector<AlignCornersResize> resizes_;
};

MultiScaleResult empty_result(const Image& image, int num_classes, bool wants_scores) {
  const auto pixels =
      static_cast<std::size_t>(image.height) * static_cast<std::size_t>(image.width);
  MultiScaleResult result{.map = {image.width, image.height, std::vector<std::uint8_t>(pixels)},
                          .scores = {}};
  if (wants_scores) result.scores.resize(pixels * static_cast<std::size_t>(num_classes));
  return result;
}

// Of all scales; in memory before anything runs.
std::vector<ScoreMap> empty_maps(std::span<const ScalePlan> plans, int num_classes) {
  std::vector<ScoreMap> maps;
  for (const ScalePlan& plan : plans) maps.emplace_back(plan, num_classes);
  return maps;
}

}  // namespace

MultiScale::MultiScale(Session& session, const Normalisation& normalisation, int num_classes,
                       const MultiScaleOptions& options, bool wants_scores)
    : session_(session),
      normalisation_(normalisation),
      num_classes_(num_classes),
      options_(options),
      wants_scores_(wants_scores) {}

void MultiScale::require_memory(const Image& image, std::span<const ScalePlan> plans,
                                const Shape& batch, const std::string& name) {
  std::size_t bytes = 0;
  for (const ScalePlan& plan : plans) bytes += ScoreMap::bytes(plan, num_classes_);
  if (wants_scores_) {
    bytes += sizeof(float) * image.rgb.size() / 3 * static_cast<std::size_t>(num_classes_);
  }
  SessionInternals::require_memory(session_, batch, {&kLogits, 1}, bytes,
                                   fmt::format("{}: memory for scores", name));
}

MultiScaleResult MultiScale::run(const Image& image, const std::string& name) {
  const std::vector<ScalePlan> plans = plan_multi_scale(image.height, image.width, options_, name);
  const std::vector<float> black = normalised_black(normalisation_);
  WindowRun windows(session_, options_, num_classes_, black);
  require_memory(image, plans, windows.largest_batch(plans), name);
  const std::vector<ScaledImage> scaled = scaled_images(image, normalisation_, plans);
  std::vector<ScoreMap> maps = empty_maps(plans, num_classes_);
  for (std::size_t i = 0; i < plans.size(); ++i) windows.run(scaled[i], plans[i], maps[i]);
  MultiScaleResult result = empty_result(image, num_classes_, wants_scores_);
  Sum sum(maps, num_classes_, result);
  in_threads(session_.threads(), image.height, [&](int begin, int end) { sum.rows(begin, end); });
  return result;
}

namespace {

// The image's own fault; all else ends the run.
bool is_own_fault(const Error& error, bool preparing) {
  return error.code() == ErrorCode::kBadInput ||
         (preparing && error.code() == ErrorCode::kOutOfMemory);
}

void run_one(MultiScale& evaluation, std::size_t idx, const PreparedImage& image, BatchTask& task) {
  const MultiScaleResult result = evaluation.run(image.image, image.name);
  const std::int64_t height = result.map.height, width = result.map.width;
  std::vector<Session::Output> outputs{
      {"classes", {{DType::kUInt8, {1, height, width}}, result.map.classes.data()}}};
  if (!result.scores.empty()) {
    const auto classes = static_cast<std::int64_t>(result.scores.size()) / (height * width);
    outputs.push_back(
        {"scores", {{DType::kFloat32, {1, classes, height, width}}, result.scores.data()}});
  }
  task.finish(idx, image, {outputs, 0, 1});
}

}  // namespace

void run_multi_scale(MultiScale& evaluation, std::size_t num_images, BatchTask& task) {
  for (std::size_t idx = 0; idx < num_images; ++idx) {
    PreparedImage image;
    bool preparing = true;
    try {
      image = task.prepare(idx);
      preparing = false;
      task.admit(idx, image);
      run_one(evaluation, idx, image, task);
    } catch (const Error& error) {
      if (!is_own_fault(error, preparing)) throw;
      task.deliver(idx, image, &error);
      continue;
    }
    task.deliver(idx, image, nullptr);
  }
}

}  // namespace nestor
