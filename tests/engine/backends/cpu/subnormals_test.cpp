#include "engine/backends/cpu/subnormals.h"

#include <omp.h>

#include <catch2/catch.hpp>

#include "engine/ops/relu/relu.h"
#include "tests/support/model.h"

namespace nestor::test {

namespace {

constexpr float kSubnormal = 1e-39F;

// A product that is subnormal, by each thread of a team.
std::vector<float> products(int threads) {
  std::vector<float> result(static_cast<std::size_t>(threads), -1);
  const volatile float a = 1e-20F, b = 1e-19F;
#pragma omp parallel num_threads(threads)
  result[static_cast<std::size_t>(omp_get_thread_num())] = a * b;
  return result;
}

}  // namespace

TEST_CASE("subnormal numbers are zero in all threads of the team, until the end", "[cpu]") {
  for (const int threads : {1, 3}) {
    const auto size = static_cast<std::size_t>(threads);
    const std::vector<float> before = products(threads), zero(size, 0);
    REQUIRE(before == std::vector<float>(size, 1e-20F * 1e-19F));
    cpu::FlushedSubnormals subnormals(threads);
    for (int run = 0; run < 2; ++run) {
      subnormals.end();  // of a run that never began
      CHECK(products(threads) == before);
      subnormals.begin();
      CHECK(products(threads) == zero);
      subnormals.end();
      CHECK(products(threads) == before);
    }
  }
}

TEST_CASE("a session counts subnormal numbers as zero, and leaves the host's as they are",
          "[cpu][session]") {
  const auto model = random_model([](const Shape& input) {
    GraphBuilder builder;
    const ValueId images = builder.input("input", {DType::kFloat32, input});
    builder.output("output", relu(builder, images, "relu"));
    return builder.finish();
  });
  for (const int threads : {1, 2}) {
    SessionOptions options;
    options.threads = threads;
    Session session(model, options);
    const Shape shape{1, 3, 8, 8};
    CHECK(run(session, Images(shape, std::vector<float>(192, kSubnormal)).view()) ==
          std::vector<float>(192, 0));
    CHECK(run(session, Images(shape, std::vector<float>(192, 1e-37F)).view()) ==
          std::vector<float>(192, 1e-37F));
    for (const float product : products(threads)) CHECK(product > 0);
  }
}

}  // namespace nestor::test
