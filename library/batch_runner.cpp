#include "library/batch_runner.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
#include <utility>

#include "engine/check.h"

namespace nestor {

namespace {

// When this many batches of images are not delivered yet, the oldest image no longer waits for
// others of its size.
constexpr std::size_t kPatience = 4;

using Size = std::pair<int, int>;  // height, width

class BatchRun {
 public:
  BatchRun(Session& session, const BatchOptions& options, BatchTask& task)
      : session_(session), options_(options), task_(task) {}

  // After an exception, batches may be pending that nobody will ask for.
  ~BatchRun() {
    while (session_.num_pending() > 0) {
      try {
        session_.collect();
      } catch (const Error&) {  // that batch is not pending any more either
      }
    }
  }
  BatchRun(const BatchRun&) = delete;
  BatchRun& operator=(const BatchRun&) = delete;

  void add(LoadedImage loaded) {
    const std::size_t idx = first_ + images_.size();
    images_.push_back({.prepared = std::move(loaded.prepared)});
    Slot& slot = images_.back();
    slot.error = refusal(idx, slot.prepared, loaded.error);
    if (slot.error) {
      slot.done = true;
      deliver_finished();
      return;
    }
    const Image& image = slot.prepared.image;
    const Size size{image.height, image.width};
    waiting_[size].push_back(idx);
    if (waiting_[size].size() == options_.batch_size) submit(size);
    if (images_.size() > kPatience * options_.batch_size) hurry();
  }

  // Runs what is waiting and delivers all.
  void finish() {
    while (!waiting_.empty()) submit(oldest_waiting());
    collect_all();
  }

 private:
  struct Slot {
    PreparedImage prepared;
    std::optional<Error> error = std::nullopt;
    bool done = false;
  };

  Slot& slot(std::size_t idx) { return images_[idx - first_]; }

  // Why the image cannot be used. What is not its own fault ends the run.
  std::optional<Error> refusal(std::size_t idx, const PreparedImage& prepared,
                               const std::exception_ptr& exception) {
    try {
      if (exception) std::rethrow_exception(exception);
      task_.admit(idx, prepared);
      return std::nullopt;
    } catch (const Error& error) {
      // Memory that does not suffice for one image may suffice for the others.
      if (error.code() == ErrorCode::kBadInput) return error;
      if (exception && error.code() == ErrorCode::kOutOfMemory) return error;
      collect_all();
      throw;
    } catch (const std::bad_alloc&) {
      if (exception) {
        return Error(ErrorCode::kOutOfMemory, "not enough memory to prepare the image");
      }
      collect_all();
      throw;
    } catch (...) {
      collect_all();
      throw;
    }
  }

  Size oldest_waiting() const {
    const auto oldest = std::ranges::min_element(
        waiting_, {}, [](const auto& group) { return group.second.front(); });
    return oldest->first;
  }

  // Submits the group of the oldest image if that is waiting.
  void hurry() {
    if (waiting_.empty()) return;
    const Size oldest = oldest_waiting();
    if (waiting_[oldest].front() == first_) submit(oldest);
  }

  void submit(const Size& size) {
    std::vector<std::size_t> batch = std::move(waiting_.extract(size).mapped());
    input_.clear();
    for (const std::size_t idx : batch) {
      Image& image = slot(idx).prepared.image;
      input_.insert(input_.end(), image.rgb.begin(), image.rgb.end());
      image.rgb = {};
    }
    const TensorDesc desc{DType::kUInt8,
                          {static_cast<std::int64_t>(batch.size()), size.first, size.second, 3}};
    while (session_.num_pending() == session_.num_slots()) collect();
    try {
      session_.submit({desc, input_.data()}, options_.taps);
    } catch (...) {
      collect_all();  // what is complete is not lost
      throw;
    }
    submitted_.push_back(std::move(batch));
    if (session_.num_slots() == 1) collect_all();  // nothing would run meanwhile
  }

  void collect_all() {
    while (!submitted_.empty()) collect();
  }

  void collect() {
    const std::vector<std::size_t> batch = std::move(submitted_.front());
    submitted_.pop_front();
    const std::span<const Session::Output> outputs = session_.collect();
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Slot& done = slot(batch[i]);
      task_.finish(batch[i], done.prepared, {outputs, i, batch.size()});
      done.done = true;
    }
    deliver_finished();
  }

  void deliver_finished() {
    while (!images_.empty() && images_.front().done) {
      const Slot done = std::move(images_.front());
      images_.pop_front();
      const std::size_t idx = first_++;
      task_.deliver(idx, done.prepared, done.error ? &*done.error : nullptr);
    }
  }

  Session& session_;
  const BatchOptions& options_;
  BatchTask& task_;

  std::deque<Slot> images_;  // those not delivered; the first of them is image first_
  std::size_t first_ = 0;
  std::map<Size, std::vector<std::size_t>> waiting_;  // by size; no group is empty
  std::deque<std::vector<std::size_t>> submitted_;    // the oldest first
  std::vector<std::uint8_t> input_;                   // [image][row][column][3]
};

}  // namespace

TensorView ImageOutputs::tensor(std::size_t output) const {
  TensorView view = batch_[output].tensor;
  Shape& shape = view.desc.shape;
  const auto batch_size = static_cast<std::int64_t>(batch_size_);
  CHECK(shape.rank() > 0 && shape[0] % batch_size == 0, "{} is {} of {} images",
        batch_[output].name, shape.to_string(), batch_size);
  const std::size_t bytes = view.bytes() / batch_size_;
  shape[0] /= batch_size;
  view.data = view.as<std::byte>() + idx_ * bytes;
  return view;
}

void run_batches(Session& session, std::size_t num_images, const BatchOptions& options,
                 BatchTask& task) {
  CHECK_AS(kUsage, options.batch_size > 0, "batches of 0 images, expected at least 1");
  CHECK_AS(kUsage, session.num_pending() == 0,
           "{} submitted batches are pending: collect them first", session.num_pending());
  BatchRun run(session, options, task);
  const LoadImage prepare = [&](std::size_t idx) { return task.prepare(idx); };
  if (num_images == 1) {  // no thread is worth it
    run.add(load_image(prepare, 0));
    run.finish();
    return;
  }
  ImageLoader loader(num_images, options.batch_size + options.num_decoders, options.num_decoders,
                     prepare);
  while (std::optional<LoadedImage> image = loader.next()) run.add(std::move(*image));
  run.finish();
}

}  // namespace nestor
