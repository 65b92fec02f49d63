// Device libraries that lack launchers, or have them for other arguments.

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/relu/relu.h"
#include "engine/session_internals.h"
#include "tests/executor/emulated_model.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Catch::Matchers::Contains;

const Shape kShape{1, 3, 16, 16};

// The library of the emulator with launchers of the test's choice.
class Library {
 public:
  Library()
      : library_(*nestor_device_library(kDeviceLibraryVersion)),
        launchers_(library_.launchers, library_.launchers + library_.num_launchers) {}

  std::vector<LauncherRow>& launchers() { return launchers_; }

  LauncherRow& launcher(std::string_view name) {
    const auto row = std::ranges::find(launchers_, name, &LauncherRow::name);
    REQUIRE(row != launchers_.end());
    return *row;
  }

  void remove(std::string_view name) {
    const std::size_t removed = std::erase_if(
        launchers_, [&](const LauncherRow& row) { return std::string_view(row.name) == name; });
    REQUIRE(removed == 1);
  }

  std::unique_ptr<CudaBackend> open() {
    library_.launchers = launchers_.data();
    library_.num_launchers = launchers_.size();
    return std::make_unique<CudaBackend>(library_, "simt:0", 0);
  }

  std::shared_ptr<const Model> model(const GraphFunction& graph) {
    simt::Options options;
    options.sm = 70;
    simt::set_device_options(options);
    return std::make_shared<const Model>(graph, kShape, test::weight_file(graph(kShape), 1),
                                         open());
  }

 private:
  DeviceLibrary library_;
  std::vector<LauncherRow> launchers_;
};

Graph one_relu(const Shape& shape) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, shape});
  b.output("positive", relu(b, image, "rectified"));
  return b.finish();
}

Graph stem(const Shape& shape) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, shape});
  b.output("stem", convolution(b, image, "stem",
                               {.channels = 32, .kernel = 3, .stride = 2, .pad = 1, .bias = true}));
  return b.finish();
}

}  // namespace

TEST_CASE("launchers: an op without one is unsupported, and the error says why",
          "[simt][executor]") {
  Library library;
  library.remove("relu");
  Session session(library.model(one_relu), {});
  CHECK_THROWS_WITH(SessionInternals::plan(session, kShape),
                    Contains("rectified (relu") &&
                        Contains("relu: the library of simt:0 has no launcher 'relu'"));
}

TEST_CASE("launchers: one for other arguments is as good as none", "[simt][executor]") {
  Library library;
  library.launcher("relu").args_bytes += 8;
  Session session(library.model(one_relu), {});
  CHECK_THROWS_WITH(
      SessionInternals::plan(session, kShape),
      Contains("has launcher 'relu' for arguments of") && Contains("bytes, expected"));
}

TEST_CASE("launchers: the next variant takes the place of one that lacks its launcher",
          "[simt][executor]") {
  const auto variant_of = [](const std::shared_ptr<const Model>& model) {
    Session session(model, {.deterministic = true});  // the first variant, whatever its time
    test::run(session, test::Images(kShape).view());
    return SessionInternals::plan(session, kShape).steps.front().variant;
  };
  Library whole, poor;
  CHECK(variant_of(whole.model(stem)) == "stem_convolution_mma");
  poor.remove("stem_convolution_mma");
  CHECK(variant_of(poor.model(stem)) == "stem_convolution");
}

TEST_CASE("launchers: conversions that a library lacks are named", "[simt][executor]") {
  Library library;
  library.remove("nchw_to_nhwc");
  Session session(library.model(one_relu), {});
  CHECK_THROWS_WITH(SessionInternals::plan(session, kShape),
                    Contains("no launcher 'nchw_to_nhwc'"));
}

TEST_CASE("launchers: more than the engine knows do no harm, two of a name do",
          "[simt][executor]") {
  Library library;
  library.launchers().push_back({"of_the_future", 8, library.launcher("relu").function});
  CHECK_NOTHROW(library.open());
  library.launchers().push_back(library.launcher("relu"));
  CHECK_THROWS_WITH(library.open(), Contains("two launchers 'relu'"));
}

}  // namespace nestor
