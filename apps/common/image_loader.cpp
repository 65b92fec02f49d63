#include "apps/common/image_loader.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "engine/check.h"

namespace nestor {

ImageLoader::ImageLoader(std::vector<std::string> names, std::size_t window,
                         std::size_t num_threads,
                         std::function<LoadedImage(const std::string&)> load)
    : names_(std::move(names)), window_(std::max<std::size_t>(window, 1)), load_(std::move(load)) {
  num_threads = std::clamp<std::size_t>(num_threads, 1, std::max<std::size_t>(names_.size(), 1));
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

LoadedImage ImageLoader::load_one(const std::string& name) const {
  LoadedImage loaded;
  try {
    loaded = load_(name);
  } catch (...) {
    loaded.error = std::current_exception();
  }
  loaded.name = name;
  return loaded;
}

void ImageLoader::run() {
  while (true) {
    std::size_t idx = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] {
        return stop_ || num_begun_ == names_.size() || num_begun_ < num_taken_ + window_;
      });
      if (stop_ || num_begun_ == names_.size()) return;
      idx = num_begun_++;
    }
    LoadedImage loaded = load_one(names_[idx]);
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
    if (num_taken_ == names_.size()) return std::nullopt;
    changed_.wait(lock, [&] { return ready_.contains(num_taken_); });
    taken = std::move(ready_.extract(num_taken_).mapped());
    ++num_taken_;
  }
  changed_.notify_all();
  return taken;
}

}  // namespace nestor
