#pragma once
// Work on scores beside a session's runs.

#include <algorithm>
#include <thread>
#include <vector>

namespace nestor {

// Calls work(first, end) for parts of [0, count), each in a thread of its own. `work` does not throw.
template <class Work>
void in_threads(int threads, int count, const Work& work) {
  const int parts = std::clamp(threads, 1, std::max(count, 1));
  std::vector<std::jthread> running;
  for (int i = 1; i < parts; ++i) {
    running.emplace_back(
        [&work, first = count * i / parts, end = count * (i + 1) / parts] { work(first, end); });
  }
  work(0, count / parts);
}

}  // namespace nestor
