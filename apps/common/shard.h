#pragma once
// The part of a job's images that one of several processes does.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nestor {

struct Shard {
  std::size_t idx = 1;    // 1 to count
  std::size_t count = 1;  // processes that share the images
};

// "2/8"; throws kUsage for anything else.
Shard parse_shard(std::string_view text);

// Every count-th name from the idx-th on, so that shards differ by one image at most. A shard may be
// empty.
std::vector<std::string> names_of(const Shard& shard, std::vector<std::string> names);

}  // namespace nestor
