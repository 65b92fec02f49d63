// After the first run of a plan, running it allocates nothing (engine/session.h).

#include "tests/support/allocations.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <thread>

#include "nestor/session.h"
#include "tests/support/model.h"

namespace nestor {

namespace {

// While it lives, sessions leave it alone how long threads spin: on a machine that turns busy they
// start a thread (engine/backends/cpu/spinning.h).
class FixedSpinning {
 public:
  FixedSpinning() { ::setenv("GOMP_SPINCOUNT", "1000", 1); }
  ~FixedSpinning() { ::unsetenv("GOMP_SPINCOUNT"); }
  FixedSpinning(const FixedSpinning&) = delete;
  FixedSpinning& operator=(const FixedSpinning&) = delete;
};

// Of one run.
test::Allocations allocations_of(Session& session, const TensorView& input) {
  const test::AllocationCounter counter;
  session.run(input);
  return counter.counts();
}

}  // namespace

TEST_CASE("allocations: the counter sees those of any thread, by new and by malloc",
          "[allocations][cpu]") {
  if (!test::counts_allocations()) return;  // sanitizers: the runner leaves [allocations] out
  const test::AllocationCounter counter;
  // Called by name, and volatile: compilers may leave out a pair of new and delete.
  void* volatile one = ::operator new(1);
  ::operator delete(one);
  const auto allocate = [] {
    void* volatile block = std::malloc(3);
    std::free(block);
  };
  allocate();
  const auto here = counter.counts().ours;
  CHECK(here == 2);
  std::thread(allocate).join();
  CHECK(counter.counts().ours > here);
  CHECK(counter.counts().onednn == 0);
}

TEST_CASE("allocations: none of ours in 100 runs at two alternating shapes", "[allocations][cpu]") {
  if (!test::counts_allocations()) return;
  const FixedSpinning fixed;
  // Two threads on a busy machine wait for one another: fewer rounds.
  for (const auto& [threads, rounds] : {std::pair{1, 50}, std::pair{2, 5}}) {
    const auto model = test::random_model(test::graph_of_network("resnest14"));
    Session session(model, {.precision = Precision::kFp32, .threads = threads});
    const test::Images small_images({1, 3, 32, 32}), large_images({2, 3, 64, 48});
    const TensorView small = small_images.view(), large = large_images.view();
    session.run(small);
    session.run(large);
    // This run moves the small plan to the larger arena.
    CHECK(allocations_of(session, small).ours == 0);
    const test::Allocations of_small = allocations_of(session, small);
    const test::Allocations of_large = allocations_of(session, large);
    CHECK(of_small.onednn > 0);
    {
      const test::AllocationCounter counter;
      session.submit(small);
      session.collect();
      CHECK(counter.counts().ours == 0);
    }
    const test::Levels levels(1, 32, 32);
    session.run(levels.view());
    CHECK(allocations_of(session, levels.view()).ours == 0);
    for (int i = 0; i < rounds; ++i) {
      for (const auto& [input, first] : {std::pair{&small, &of_small}, {&large, &of_large}}) {
        const test::Allocations run = allocations_of(session, *input);
        CHECK(run.ours == 0);
        CHECK(run.onednn == first->onednn);     // constant
        CHECK(run.onednn == run.onednn_freed);  // nothing is left behind
      }
    }
  }
}

}  // namespace nestor
