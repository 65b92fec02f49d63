#pragma once
// Pictures with what was found on them, for --save-vis.

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "nestor/nestor.h"

namespace nestor {

// Keeps pictures from their decoding until their objects are known, then writes them into a folder
// under their own names. Several threads may keep pictures.
class DrawnPictures {
 public:
  // Makes the folder. Throws kInternal if the system refuses. An empty name: nothing is drawn.
  explicit DrawnPictures(std::string folder);

  bool wanted() const { return !folder_.empty(); }

  void keep(std::size_t idx, const Image& picture);

  // Writes picture `idx`, called `name` by the user, and forgets it. As JPEG if the name ends so,
  // else as PNG; a name that was there before gets a number.
  void write(std::size_t idx, const std::string& name, std::span<const DetectedObject> objects);

 private:
  std::string path_for(const std::string& name);

  const std::string folder_;
  std::mutex mutex_;
  std::map<std::size_t, Image> kept_;
  std::set<std::string> names_;
};

}  // namespace nestor
