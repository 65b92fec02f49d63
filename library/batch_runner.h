#pragma once
// Many images through one session, whatever the task: threads decode and prepare them, images of one
// size are gathered into batches, the next batch is submitted while another is computed, and results
// come in the order of the images. An image that cannot be used does not stop the others.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "library/image_loader.h"
#include "nestor/error.h"
#include "nestor/session.h"

namespace nestor {

// One image's part of a batch's outputs.
class ImageOutputs {
 public:
  ImageOutputs(std::span<const Session::Output> batch, std::size_t idx, std::size_t batch_size)
      : batch_(batch), idx_(idx), batch_size_(batch_size) {}

  std::size_t size() const { return batch_.size(); }
  const std::string& name(std::size_t output) const { return batch_[output].name; }

  // The rows that are this image's: of a [batch * rows, ...] output [rows, ...]. Valid, like the
  // name, until finish() returns.
  TensorView tensor(std::size_t output) const;

  // How many of its rows are in use, as the network says: negative if it has no answer. Of outputs
  // that have a count.
  std::int32_t count(std::size_t output) const { return batch_[output].count[idx_]; }

 private:
  std::span<const Session::Output> batch_;
  std::size_t idx_, batch_size_;
};

// What a task does with images before and after the network. Only prepare() is called by other
// threads than the caller of run_batches, by several at once.
class BatchTask {
 public:
  virtual ~BatchTask() = default;

  // Decodes and prepares image `idx`. Throws kBadInput or kOutOfMemory if it cannot be used; any
  // other exception ends the whole run.
  virtual PreparedImage prepare(std::size_t idx) const = 0;

  // Sees the prepared images in their order, before they run. Throws kBadInput to refuse one.
  virtual void admit(std::size_t /*idx*/, const PreparedImage&) {}

  // Makes a result of an image's outputs, as batches end: in any order.
  virtual void finish(std::size_t idx, const PreparedImage& image, const ImageOutputs& outputs) = 0;

  // Hands out an image's result, in the order of the images. `error`: why there is none, or null.
  // The pixels of `image` are gone.
  virtual void deliver(std::size_t idx, const PreparedImage& image, const Error* error) = 0;
};

struct BatchOptions {
  std::size_t batch_size = 16;
  std::size_t num_decoders = 4;        // threads that prepare images
  std::vector<std::string> taps = {};  // as Session::run
};

// Runs images 0 to num_images - 1. If preparing an image or running a batch fails for good, the
// batches before it are delivered first. None of the session's batches is pending afterwards.
void run_batches(Session& session, std::size_t num_images, const BatchOptions& options,
                 BatchTask& task);

}  // namespace nestor
