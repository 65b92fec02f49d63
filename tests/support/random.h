#pragma once
// Test data that depends on nothing but its seed.

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nestor::test {

// splitmix64; its numbers are the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t bits() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15U;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
  }

  // In [low, high).
  float uniform(float low, float high) {
    return low + (high - low) * static_cast<float>(bits() >> 40) * 0x1p-24F;
  }

  // In [low, high].
  int integer(int low, int high) {
    return low + static_cast<int>(bits() % static_cast<std::uint64_t>(high - low + 1));
  }

 private:
  std::uint64_t state_;
};

std::vector<float> random_values(std::size_t count, std::uint64_t seed, float low = -1,
                                 float high = 1);

// A seed for something that has a name (FNV-1a).
std::uint64_t seed_of(std::string_view name);

}  // namespace nestor::test
