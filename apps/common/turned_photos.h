#pragma once
// Photos that are to be seen otherwise than they are stored, and that nobody turned.

#include <cstddef>
#include <string>

#include "apps/common/run_summary.h"
#include "library/image_loader.h"

namespace nestor {

class TurnedPhotos {
 public:
  // Counts the image if it is one of them.
  void add(const PreparedImage& prepared);

  // One warning about all; none if there are none.
  void warn(RunSummary& summary) const;

 private:
  std::size_t count_ = 0;
  std::string first_;
};

}  // namespace nestor
