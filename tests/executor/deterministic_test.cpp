// With SessionOptions::deterministic an image's bits depend on the image alone.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "engine/session_internals.h"
#include "tests/executor/emulated_model.h"

namespace nestor {

namespace {

constexpr std::int64_t kLargest = 16;

// The outputs of one image of a run, as bits.
std::vector<std::string> bits_of(std::span<const Session::Output> outputs, std::int64_t idx) {
  std::vector<std::string> bits;
  for (const Session::Output& output : outputs) {
    const auto image_bytes =
        output.tensor.bytes() / static_cast<std::size_t>(output.tensor.desc.shape[0]);
    const char* const begin =
        static_cast<const char*>(output.tensor.data) + static_cast<std::size_t>(idx) * image_bytes;
    bits.emplace_back(begin, image_bytes);
  }
  return bits;
}

// How many images have other bits in smaller batches, or alone, than in a batch of 16.
int num_different(Session& session, const Shape& image, const std::vector<std::string>& taps) {
  Shape shape = image;
  shape[0] = kLargest;
  const test::Images images(shape);
  std::vector<std::vector<std::string>> expected;
  const auto all = session.run(images.view(), taps);
  for (std::int64_t i = 0; i < kLargest; ++i) expected.push_back(bits_of(all, i));
  int different = 0;
  const auto compare = [&](const TensorView& batch, std::int64_t first) {
    const auto outputs = session.run(batch, taps);
    for (std::int64_t i = 0; i < batch.desc.shape[0]; ++i) {
      different += bits_of(outputs, i) != expected[static_cast<std::size_t>(first + i)] ? 1 : 0;
    }
  };
  for (const std::int64_t batch : {2, 3, 7}) compare(images.first(batch), 0);
  for (const std::int64_t idx : {0, 5, 15}) compare(images.image(idx), idx);
  return different;
}

struct Device {
  int sm;
  Precision precision;
};
constexpr Device kDevices[] = {
    {70, Precision::kFp16}, {80, Precision::kFp16}, {70, Precision::kFp32}};

int num_aligned_sums(const Plan& plan) {
  int count = 0;
  for (const Buffer& buffer : plan.buffers) count += buffer.format.sums_tile > 0 ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("deterministic: an image's bits are the same in any batch and at any place",
          "[simt][executor][deterministic]") {
  // Of 16x16 pixels tiles end at images, of 13x11 they do not.
  const Shape sizes[] = {{1, 3, 32, 32}, {1, 3, 26, 22}};
  for (const Device& device : kDevices) {
    const auto model = test::emulated_model(test::small_graph, device.sm);
    for (const Shape& size : sizes) {
      INFO(fmt::format("sm_{} {} {}", device.sm, to_string(device.precision), size.to_string()));
      Session session(model, {.precision = device.precision, .deterministic = true});
      CHECK(num_different(session, size, {}) == 0);
      // What is fused, in its parts: convolutions of one pixel, pools, softmax, sums.
      CHECK(num_different(session, size, {"splits", "pooled", "fc2", "attention", "sum"}) == 0);
    }
  }
}

TEST_CASE("deterministic: whole networks", "[simt][executor][deterministic]") {
  for (const Device& device : kDevices) {
    INFO(fmt::format("sm_{} {}", device.sm, to_string(device.precision)));
    const auto model = test::emulated_model(test::graph_of_network("resnest14"), device.sm);
    Session session(model, {.precision = device.precision, .deterministic = true});
    CHECK(num_different(session, {1, 3, 40, 36}, {}) == 0);
  }
}

TEST_CASE("deterministic: sums stay in the convolution where tiles end at images",
          "[simt][executor][deterministic]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session free(model, {}), pinned(model, {.deterministic = true});
  CHECK(num_aligned_sums(SessionInternals::plan(free, {3, 3, 26, 22})) == 1);
  CHECK(num_aligned_sums(SessionInternals::plan(pinned, {3, 3, 26, 22})) == 0);
  CHECK(num_aligned_sums(SessionInternals::plan(pinned, {3, 3, 32, 32})) == 1);
}

// Or the other tests could not fail.
TEST_CASE("deterministic: plans that are not do differ", "[simt][executor][deterministic]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {.precision = Precision::kFp32});
  CHECK(num_different(session, {1, 3, 26, 22}, {}) > 0);
}

}  // namespace nestor
