#include "tests/support/mini_segmenter.h"

#include <catch2/catch.hpp>

#include "tests/support/compare.h"
#include "tests/support/model.h"

namespace nestor::test {

namespace {

const std::vector<std::string> kMaps{"layer2", "layer4", "head.aspp.project", "head", "logits"};

SegmenterRun run_segmenter(Session& session, const TensorView& images) {
  SegmenterRun result;
  for (const Session::Output& output : session.run(images, kMaps)) {
    result[output.name] = elements(output.tensor);
  }
  return result;
}

double share_equal(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  std::size_t equal = 0;
  for (std::size_t i = 0; i < a.size(); ++i) equal += a[i] == b[i] ? 1 : 0;
  return static_cast<double>(equal) / static_cast<double>(a.size());
}

}  // namespace

GraphFunction mini_segmenter() { return graph_of_network("deeplab_resnest_mini", 11); }

SegmenterRun mini_segmenter_on_cpu(const TensorView& images) {
  Session session(random_model(mini_segmenter()), {.precision = Precision::kFp32, .threads = 2});
  return run_segmenter(session, images);
}

void check_mini_segmenter(Session& session, const TensorView& images, Precision precision,
                          const SegmenterRun& expected) {
  const bool half = precision == Precision::kFp16;
  const Tolerance allowed = network_tolerance(half ? DType::kFloat16 : DType::kFloat32);
  const SegmenterRun got = run_segmenter(session, images);
  for (const std::string& name : kMaps) {
    const std::vector<float>& want = expected.at(name);
    const Shape shape{static_cast<std::int64_t>(want.size())};
    CHECK(mismatch(got.at(name), want, shape, allowed, name) == "");
  }
  CHECK(share_equal(got.at("classes"), expected.at("classes")) > (half ? 0.95 : 0.999));
}

}  // namespace nestor::test
