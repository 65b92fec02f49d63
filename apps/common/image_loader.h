#pragma once
// Decodes and prepares images ahead of their use, in the order in which they were named.

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "engine/image/image.h"

namespace nestor {

struct LoadedImage {
  std::string name;
  int width = 0, height = 0;  // as decoded
  int orientation = 1;        // EXIF
  Image image;                // prepared for the network
  std::vector<std::string> warnings;
  std::exception_ptr error;  // set instead of the rest where the image cannot be used
};

// Threads that decode while the caller computes. They block where they are `window` images ahead,
// so memory does not grow with the number of images. Destroying the loader ends them.
class ImageLoader {
 public:
  // `load` is called in the loader's threads, once a name; what it throws becomes the image's
  // error.
  ImageLoader(std::vector<std::string> names, std::size_t window, std::size_t num_threads,
              std::function<LoadedImage(const std::string&)> load);
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  // The next image, waiting for it where need be; nothing after the last.
  std::optional<LoadedImage> next();

  std::size_t size() const { return names_.size(); }

 private:
  void run();
  LoadedImage load_one(const std::string& name) const;

  const std::vector<std::string> names_;
  const std::size_t window_;
  const std::function<LoadedImage(const std::string&)> load_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, LoadedImage> ready_;  // by the position of the name
  std::size_t num_begun_ = 0;
  std::size_t num_taken_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace nestor
