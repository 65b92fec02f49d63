#pragma once
// The table that ResNeSt was published with: accuracy on ImageNet and latency on a V100.

#include <span>
#include <string>
#include <string_view>

namespace nestor {

struct PublishedRow {
  std::string network;  // as the zoo names it
  std::string name;     // as the authors do
  std::string family;   // the curve that it is a point of
  int size = 0;         // pixels a side
  double top1 = 0;      // percent
  double ms = 0;        // per image
  std::string source;   // of these figures, in words
};

// In the table's order (apps/common/published.json).
std::span<const PublishedRow> published_rows();

// "V100, batch 16"
const std::string& published_on();

// Null for a network that the table does not have.
const PublishedRow* find_published(std::string_view network);

}  // namespace nestor
