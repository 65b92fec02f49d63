#include "apps/common/image_loader.h"

#include <algorithm>
#include <utility>

namespace nestor {

ImageLoader::ImageLoader(std::vector<std::string> names, std::size_t window,
                         std::function<LoadedImage(const std::string&)> load)
    : names_(std::move(names)),
      window_(std::max<std::size_t>(window, 1)),
      load_(std::move(load)),
      thread_([this] { run(); }) {}

ImageLoader::~ImageLoader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
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
  for (const std::string& name : names_) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stop_ || ready_.size() < window_; });
      if (stop_) return;
    }
    LoadedImage loaded = load_one(name);
    {
      const std::lock_guard lock(mutex_);
      ready_.push_back(std::move(loaded));
    }
    changed_.notify_all();
  }
}

std::optional<LoadedImage> ImageLoader::next() {
  if (num_taken_ == names_.size()) return std::nullopt;
  LoadedImage taken;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !ready_.empty(); });
    taken = std::move(ready_.front());
    ready_.pop_front();
  }
  ++num_taken_;
  changed_.notify_all();
  return taken;
}

}  // namespace nestor
