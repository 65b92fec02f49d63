#pragma once
// Prepares images ahead of their use, in threads, and gives them out in their order.

#include <condition_variable>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "nestor/image.h"

namespace nestor {

struct PreparedImage {
  std::string name;           // for messages
  int width = 0, height = 0;  // as decoded
  Image image;                // as the network gets it
  std::vector<std::string> warnings;
  int orientation = 1;  // EXIF
};

struct LoadedImage {
  PreparedImage prepared;
  std::exception_ptr error;  // set if the image cannot be used
};

// Prepares one image in this thread; an exception becomes its error.
using LoadImage = std::function<PreparedImage(std::size_t idx)>;
LoadedImage load_image(const LoadImage& load, std::size_t idx);

// Threads that prepare images while the caller computes. They block when they are `window` images
// ahead, so memory does not grow with the number of images. Destroying the loader ends them.
class ImageLoader {
 public:
  // `load` is called in the loader's threads, once for each idx below `num_images`.
  ImageLoader(std::size_t num_images, std::size_t window, std::size_t num_threads, LoadImage load);
  ~ImageLoader();
  ImageLoader(const ImageLoader&) = delete;
  ImageLoader& operator=(const ImageLoader&) = delete;

  // The next image, waiting for it if need be; nullopt after the last.
  std::optional<LoadedImage> next();

 private:
  void run();

  const std::size_t num_images_;
  const std::size_t window_;
  const LoadImage load_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, LoadedImage> ready_;
  std::size_t num_begun_ = 0;
  std::size_t num_taken_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;  // last: they use all of the above
};

}  // namespace nestor
