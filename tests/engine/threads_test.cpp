// One model in many sessions and threads: results are the same to the bit whoever runs beside,
// whatever the batch, and whatever was planned before.

#include <atomic>
#include <barrier>
#include <catch2/catch.hpp>
#include <thread>

#include "nestor/session.h"
#include "tests/support/compare.h"
#include "tests/support/model.h"

namespace nestor {

namespace {

constexpr int kThreads = 8;
constexpr std::int64_t kBatches[] = {2, 3, 7, 16};

SessionOptions with_threads(int threads, Precision precision = Precision::kFp32) {
  SessionOptions options;
  options.precision = precision;
  options.threads = threads;
  return options;
}

std::vector<float> alone(const GraphFunction& graph, const TensorView& input,
                         SessionOptions options) {
  Session session(test::random_model(graph), std::move(options));
  return test::run(session, input);
}

// Every image of every batch against the same image alone; `batch_first` plans the batch before
// the single image, so that it is the batch that decides how weights are packed.
void check_batches(const char* network, std::int64_t height, std::int64_t width, int threads,
                   Precision precision, bool batch_first) {
  const GraphFunction graph = test::graph_of_network(network);
  const test::Images images({16, 3, height, width});
  const std::vector<float> expected =
      alone(graph, images.image(0), with_threads(threads, precision));
  const std::size_t classes = expected.size();
  std::vector<std::vector<float>> single;
  Session one(test::random_model(graph), with_threads(threads, precision));
  for (std::int64_t i = 0; i < 16; ++i) single.push_back(test::run(one, images.image(i)));
  for (const std::int64_t batch : kBatches) {
    Session session(test::random_model(graph), with_threads(threads, precision));
    if (!batch_first) test::run(session, images.image(0));
    const std::vector<float> together = test::run(session, images.first(batch));
    for (std::int64_t i = 0; i < batch; ++i) {
      const std::span<const float> own =
          std::span(together).subspan(static_cast<std::size_t>(i) * classes, classes);
      INFO(network << " " << height << " x " << width << ", image " << i << " of " << batch << ", "
                   << threads << " threads");
      REQUIRE(test::difference(own, single[static_cast<std::size_t>(i)],
                               {static_cast<std::int64_t>(classes)}, network) == "");
    }
    REQUIRE(test::difference(test::run(session, images.image(0)), expected,
                             {static_cast<std::int64_t>(classes)}, network) == "");
  }
}

}  // namespace

TEST_CASE("threads: 8 sessions of one model in 8 threads give what one gives alone",
          "[threads][cpu][tsan]") {
  const GraphFunction graph = test::graph_of_network("resnest14");
  const test::Images first({1, 3, 32, 32}), second({2, 3, 33, 40});
  const std::vector<float> of_first = alone(graph, first.view(), with_threads(1));
  const std::vector<float> of_second = alone(graph, second.view(), with_threads(1));
  const auto model = test::random_model(graph);
  std::barrier start(kThreads);
  std::vector<std::string> complaints(kThreads);  // Catch's assertions are for one thread
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::string& complaint = complaints[static_cast<std::size_t>(t)];
      try {
        start.arrive_and_wait();
        // All plan and pack at once, half of them one shape, half the other.
        Session session(model, with_threads(1));
        for (int round = 0; round < 4; ++round) {
          const bool even = (t + round) % 2 == 0;
          const std::vector<float> got = test::run(session, even ? first.view() : second.view());
          complaint += test::difference(got, even ? of_first : of_second, {even ? 1 : 2, 10},
                                        even ? "first" : "second");
        }
      } catch (const std::exception& error) {
        complaint = error.what();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& complaint : complaints) CHECK(complaint == "");
}

TEST_CASE("threads: with two threads a session gives the same whoever runs beside",
          "[threads][cpu]") {
  const GraphFunction graph = test::graph_of_network("resnest14");
  const test::Images images({2, 3, 48, 40}), other({1, 3, 64, 64});
  const std::vector<float> expected = alone(graph, images.view(), with_threads(2));
  const auto model = test::random_model(graph);
  std::atomic<bool> stop = false;
  std::thread neighbour([&] {
    Session session(model, with_threads(1));
    while (!stop) session.run(other.view());
  });
  Session session(model, with_threads(2));
  for (int i = 0; i < 5; ++i) {
    CHECK(test::difference(test::run(session, images.view()), expected, {2, 10}, "beside") == "");
  }
  stop = true;
  neighbour.join();
}

// Run with ONEDNN_MAX_CPU_ISA=AVX2 too: other kernels, other ways to split the work.
TEST_CASE("batch: each image's result is that of the image alone, to the bit", "[batch][cpu]") {
  for (const bool batch_first : {true, false}) {
    check_batches("resnest14", 64, 64, 1, Precision::kFp32, batch_first);
    check_batches("resnest14", 33, 47, 1, Precision::kFp32, batch_first);
    check_batches("resnest50_fast_1s4x24d", 33, 47, 1, Precision::kFp32, batch_first);
  }
}

TEST_CASE("batch: likewise with two threads", "[batch][cpu]") {
  check_batches("resnest14", 33, 47, 2, Precision::kFp32, true);
}

TEST_CASE("batch: likewise for large networks and sizes", "[batch][cpu][slow]") {
  check_batches("resnest50", 224, 224, 2, Precision::kFp32, true);
  check_batches("resnest50", 161, 227, 2, Precision::kFp32, true);
}

TEST_CASE("batch: likewise in bf16", "[batch][cpu][bf16]") {
  check_batches("resnest14", 33, 47, 1, Precision::kBf16, true);
}

// The runner checks that ThreadSanitizer finds this one, so that its silence elsewhere means
// something. Not run otherwise.
TEST_CASE("threads: a race on purpose", "[.race]") {
  int counter = 0;
  std::thread one([&] {
    for (int i = 0; i < 1000; ++i) ++counter;
  });
  std::thread two([&] {
    for (int i = 0; i < 1000; ++i) ++counter;
  });
  one.join();
  two.join();
  CHECK(counter <= 2000);
}

}  // namespace nestor
