#pragma once
// What is measured: every combination of the lists on the command line.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nestor::bench {

struct Size {
  int height = 0, width = 0;  // 0: as the network was published
};

// "224" or "161x227" (height by width). Throws kUsage.
Size parse_size(std::string_view text);

// One combination.
struct Cell {
  std::string network;  // empty: the one that `weights` hold
  std::string weights;  // a model file; empty: made-up weights
  int batch = 1;
  Size size;
  std::string precision;  // empty: the device's own
  std::string device = "cpu";
  int threads = 0;                   // of the CPU; 0: as many as the process may use
  std::vector<std::string> without;  // variants that the plan must not use
};

struct Grid {
  std::vector<std::string> networks, weights;
  std::vector<int> batches = {1};
  std::vector<Size> sizes = {Size{}};
  std::vector<std::string> precisions = {""}, devices = {"auto"};
  std::vector<int> threads = {0};
  std::vector<std::string> without;  // a second row of each, without these
};

// Networks vary slowest. A GPU gets one row whatever the threads are.
std::vector<Cell> cells_of(const Grid& grid);

}  // namespace nestor::bench
