#include "library/image_loader.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/check.h"

namespace nestor {

LoadedImage load_image(const LoadImage& load, std::size_t idx) {
  LoadedImage loaded;
  try {
    loaded.prepared = load(idx);
  } catch (...) {
    loaded.error = std::current_exception();
  }
  return loaded;
}

ImageLoader::ImageLoader(std::size_t num_images, std::size_t window, std::size_t num_threads,
                         LoadImage load)
    : num_images_(num_images), window_(std::max<std::size_t>(window, 1)), load_(std::move(load)) {
  num_threads = std::clamp<std::size_t>(num_threads, 1, std::max<std::size_t>(num_images, 1));
  for (std::size_t i = 0; i < num_threads; ++i) {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error& error) {
      if (!threads_.empty()) return;  // those that could be started do all the work
      fail(ErrorCode::kOutOfMemory, "cannot start a thread that decodes: {}", error.what());
    }
  }
}

ImageLoader::~ImageLoader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ImageLoader::run() {
  while (true) {
    std::size_t idx = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return stop_ || num_begun_ == num_images_ || num_begun_ < num_taken_ + window_;
      });
      if (stop_ || num_begun_ == num_images_) return;
      idx = num_begun_++;
    }
    LoadedImage loaded = load_image(load_, idx);
    {
      const std::lock_guard lock(mutex_);
      ready_.emplace(idx, std::move(loaded));
    }
    changed_.notify_all();
  }
}

std::optional<LoadedImage> ImageLoader::next() {
  LoadedImage taken;
  {
    std::unique_lock lock(mutex_);
    if (num_taken_ == num_images_) return std::nullopt;
    changed_.wait(lock, [&] { return ready_.contains(num_taken_); });
    taken = std::move(ready_.extract(num_taken_).mapped());
    ++num_taken_;
  }
  changed_.notify_all();
  return taken;
}

}  // namespace nestor
