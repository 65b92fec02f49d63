#include "apps/common/turned_photos.h"

#include <fmt/format.h>

namespace nestor {

void TurnedPhotos::add(const PreparedImage& prepared) {
  if (prepared.orientation == 1) return;
  if (count_++ == 0) first_ = prepared.name;
}

void TurnedPhotos::warn(RunSummary& summary) const {
  if (count_ == 0) return;
  const std::string others = count_ > 1 ? fmt::format(" and {} more", count_ - 1) : "";
  summary.warn(
      fmt::format("{}{}: EXIF says that the photo is to be turned, which is not done, as "
                  "in the frameworks; --orientation apply does it",
                  first_, others));
}

}  // namespace nestor
