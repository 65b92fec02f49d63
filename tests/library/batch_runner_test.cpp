// The batch runner, with a network so small that a logit can be followed back to its image.

#include "library/batch_runner.h"

#include <catch2/catch.hpp>
#include <map>

#include "tests/support/model.h"

namespace nestor {

namespace {

using test::Levels;

// Images of two sizes, some of them bad. Keeps what it is told.
class Recorder : public BatchTask {
 public:
  explicit Recorder(std::vector<int> sides) : sides_(std::move(sides)) {}

  // A side of 0 is an image that cannot be decoded, of -1 a failure that is not its own, of -2 and -3
  // one that memory does not suffice for.
  PreparedImage prepare(std::size_t idx) const override {
    const int side = sides_[idx];
    if (side == 0) throw Error(ErrorCode::kBadInput, std::to_string(idx) + " is bad");
    if (side == -1) throw Error(ErrorCode::kInternal, std::to_string(idx) + " fails");
    if (side == -2) throw Error(ErrorCode::kOutOfMemory, "no memory for " + std::to_string(idx));
    if (side == -3) throw std::bad_alloc();
    return {.name = std::to_string(idx),
            .width = 2 * side,
            .height = side,
            .image = image(idx),
            .warnings = {}};
  }

  void admit(std::size_t idx, const PreparedImage& image) override {
    CHECK(image.name == std::to_string(idx));
    admitted.push_back(idx);
    if (idx == refused) throw Error(ErrorCode::kBadInput, std::to_string(idx) + " is refused");
  }

  void finish(std::size_t idx, const PreparedImage& image, const ImageOutputs& outputs) override {
    CHECK(image.name == std::to_string(idx));
    REQUIRE(outputs.size() == 2);
    CHECK(outputs.name(1) == "layer1");
    CHECK(outputs.tensor(1).desc.shape[2] == (image.height + 3) / 4);
    logits[idx] = test::elements(outputs.tensor(0));
  }

  void deliver(std::size_t idx, const PreparedImage&, const Error* error) override {
    CHECK(idx == delivered.size());
    CHECK((error == nullptr) == logits.contains(idx));
    delivered.push_back(error == nullptr ? "" : error->what());
  }

  Image image(std::size_t idx) const {
    const int side = sides_[idx];
    const Levels levels(1, side, side, 100 + idx);
    const auto* const bytes = levels.view().as<std::uint8_t>();
    return {side, side, {bytes, bytes + 3 * side * side}};
  }

  std::size_t refused = std::string::npos;
  std::vector<std::size_t> admitted;
  std::map<std::size_t, std::vector<float>> logits;
  std::vector<std::string> delivered;

 private:
  std::vector<int> sides_;
};

const BatchOptions kOptions{.batch_size = 3, .num_decoders = 3, .taps = {"layer1"}};

Session mini_session() {
  return Session(test::random_model(test::graph_of_network("resnest_mini")), {.threads = 1});
}

}  // namespace

TEST_CASE("a batch runner keeps the order of images of several sizes, bad ones among them",
          "[library][cpu]") {
  Recorder task({32, 48, 0, 32, 32, 48, 48, 32, 0, 48, 32});
  task.refused = 4;
  Session session = mini_session();
  run_batches(session, 11, kOptions, task);
  REQUIRE(task.delivered.size() == 11);
  CHECK(task.delivered[2] == "2 is bad");
  CHECK(task.delivered[4] == "4 is refused");
  CHECK(task.delivered[8] == "8 is bad");
  CHECK(task.admitted == std::vector<std::size_t>{0, 1, 3, 4, 5, 6, 7, 9, 10});
  CHECK(task.logits.size() == 8);
  Session alone = mini_session();
  for (const auto& [idx, logits] : task.logits) {
    const Image image = task.image(idx);
    const TensorDesc desc{DType::kUInt8, {1, image.height, image.width, 3}};
    CHECK(logits == test::run(alone, {desc, image.rgb.data()}));
  }
}

TEST_CASE("a batch runner does not let one rare size wait for ever", "[library][cpu]") {
  std::vector<int> sides(40, 32);
  sides[0] = 48;
  class Watcher : public Recorder {
   public:
    using Recorder::Recorder;
    void admit(std::size_t idx, const PreparedImage& image) override {
      Recorder::admit(idx, image);
      most_undelivered = std::max(most_undelivered, admitted.size() - delivered.size());
    }
    std::size_t most_undelivered = 0;
  };
  Watcher task(sides);
  Session session = mini_session();
  run_batches(session, sides.size(), kOptions, task);
  CHECK(task.delivered.size() == sides.size());
  CHECK(task.most_undelivered <= 13);  // 4 batches, and the image at hand
  CHECK(task.logits.size() == sides.size());
}

TEST_CASE("memory that does not suffice for an image is that image's error", "[library][cpu]") {
  Recorder task({32, -2, 32, -3, 32});
  Session session = mini_session();
  run_batches(session, 5, kOptions, task);
  CHECK(task.delivered == std::vector<std::string>{"", "no memory for 1", "",
                                                   "not enough memory to prepare the image", ""});
}

TEST_CASE("a failure that is no image's own ends a run of batches, after what is complete",
          "[library][cpu]") {
  Recorder task({32, 32, 32, 32, -1, 32, 32});
  Session session = mini_session();
  CHECK_THROWS_AS(run_batches(session, 7, kOptions, task), Error);
  CHECK(task.delivered == std::vector<std::string>(3));
  CHECK(session.num_pending() == 0);

  Recorder small({32, 32, 32, 16, 16, 16, 32});  // 16 pixels are too few for the network
  CHECK_THROWS_AS(run_batches(session, 7, kOptions, small), Error);
  CHECK(small.delivered == std::vector<std::string>(3));
  Recorder good({32});
  run_batches(session, 1, kOptions, good);
  CHECK(good.delivered == std::vector<std::string>(1));
}

TEST_CASE("a batch runner wants batches, and a session without any pending", "[library][cpu]") {
  Recorder task({32});
  Session session = mini_session();
  CHECK_THROWS_AS(run_batches(session, 1, {.batch_size = 0}, task), Error);
  run_batches(session, 0, kOptions, task);
  CHECK(task.delivered.empty());
  const Levels levels(1, 32, 32);
  session.submit(levels.view());
  CHECK_THROWS_AS(run_batches(session, 1, kOptions, task), Error);
  session.collect();
}

}  // namespace nestor
