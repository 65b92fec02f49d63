#include <omp.h>

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <limits>
#include <set>
#include <thread>

#include "engine/plan/memory_limits.h"
#include "engine/session_internals.h"
#include "nestor/error.h"
#include "tests/support/compare.h"
#include "tests/support/model.h"
#include "tests/support/weights.h"

namespace nestor {

namespace {

using Catch::Contains;

constexpr SessionOptions kOneThread{
    .precision = Precision::kFp32, .threads = 1, .excluded_variants = {}};

const GraphFunction& resnest14() {
  static const GraphFunction graph = test::graph_of_network("resnest14");
  return graph;
}

std::shared_ptr<const Model> model() {
  static const auto shared = test::random_model(resnest14());
  return shared;
}

// Counts the graphs that are built of it.
std::shared_ptr<const Model> counted_model(std::atomic<int>& graphs) {
  return test::random_model([&graphs](const Shape& input) {
    ++graphs;
    return resnest14()(input);
  });
}

// CHECKs that the action throws an Error of that code, and returns its message.
template <class Action>
std::string message_of(ErrorCode code, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(std::string(to_string(error.code())) == to_string(code));
    return error.what();
  }
  FAIL("nothing was thrown");
  return {};
}

}  // namespace

TEST_CASE("session: bad input is a typed error, and the session works on", "[session][cpu]") {
  Session session(model(), kOneThread);
  const test::Images good({1, 3, 48, 40});
  const test::Images four_channels({1, 4, 48, 40});
  const std::vector<float> expected = test::run(session, good.view());
  const int omp_threads = omp_get_max_threads();

  const auto refuse = [&](TensorView view) {
    const std::string message = message_of(ErrorCode::kBadInput, [&] { session.run(view); });
    CHECK(omp_get_max_threads() == omp_threads);
    CHECK(test::difference(test::run(session, good.view()), expected, {1, 10}, "afterwards") == "");
    return message;
  };
  const auto reshaped = [&](Shape shape) {
    TensorView view = good.view();
    view.desc.shape = std::move(shape);
    return view;
  };
  CHECK_THAT(refuse(reshaped({3, 48, 40})), Contains("[3, 48, 40]"));
  CHECK_THAT(refuse(reshaped({})), Contains("[]"));
  CHECK_THAT(refuse(reshaped({1, 1, 3, 48, 40})), Contains("[1, 1, 3, 48, 40]"));
  // Of a size for which there is a plan already, and of another.
  CHECK_THAT(refuse(four_channels.view()), Contains("[1, 4, 48, 40]"));
  CHECK_THAT(refuse(reshaped({1, 1, 48, 40})), Contains("[1, 1, 48, 40]"));
  CHECK_THAT(refuse(reshaped({1, 1, 64, 40})), Contains("[1, 1, 64, 40]"));
  CHECK_THAT(refuse(reshaped({1, 3, 31, 40})), Contains("31"));
  CHECK_THAT(refuse(reshaped({0, 3, 48, 40})), Contains("[0, 3"));
  CHECK_THAT(refuse(reshaped({1, 3, -48, 40})), Contains("-48"));
  TensorView half = good.view();
  half.desc.dtype = DType::kFloat16;
  CHECK_THAT(refuse(half), Contains("float16"));
  TensorView nothing = good.view();
  nothing.data = nullptr;
  CHECK_THAT(refuse(nothing), Contains("no data"));
}

TEST_CASE("session: a CPU computes one submitted batch, and has no streams", "[session][cpu]") {
  Session session(model(), {.precision = Precision::kFp32,
                            .threads = 1,
                            .deterministic = true,
                            .tuning = "/nowhere/tuning.json"});
  REQUIRE(session.warnings().size() == 1);
  CHECK_THAT(session.warnings()[0],
             Contains("/nowhere/tuning.json") && Contains("nothing to tune"));
  const test::Images images({2, 3, 32, 40});
  const std::vector<float> expected = test::run(session, images.view());
  CHECK(SessionInternals::plan(session, {2, 3, 32, 40}).key.deterministic);
  CHECK(session.num_slots() == 1);
  session.submit(images.view());
  CHECK_THAT(message_of(ErrorCode::kUsage, [&] { session.submit(images.view()); }),
             Contains("1 submitted"));
  CHECK_THAT(message_of(ErrorCode::kUsage, [&] { session.run(images.view()); }),
             Contains("collect"));
  CHECK(test::elements(session.collect()[0].tensor) == expected);
  CHECK_THAT(message_of(ErrorCode::kUsage, [&] { session.collect(); }), Contains("pending"));
  std::vector<float> logits(20);
  const Session::DeviceBuffer buffer{logits.data(), logits.size() * sizeof(float)};
  CHECK_THAT(message_of(ErrorCode::kUnsupported,
                        [&] {
                          session.enqueue(images.view(), {&buffer, 1}, &session);
                        }),
             Contains("no streams"));
  CHECK_THAT(message_of(ErrorCode::kUnsupported,
                        [&] {
                          SessionInternals::tune(session, {2, 3, 32, 40});
                        }),
             Contains("nothing to tune"));
  CHECK(test::run(session, images.view()) == expected);
}

TEST_CASE("session: images give what their normalised values give", "[session][cpu]") {
  const Normalisation normalisation{{0.5F, 0.1F, 0.25F}, {0.3F, 1, 0.125F}};
  const test::Levels levels(2, 35, 42);
  const test::Images images = levels.normalised(normalisation);
  const std::vector<std::string> taps{"input", "stem"};
  for (const int threads : {1, 3}) {
    Session session(
        model(),
        {.precision = Precision::kFp32, .threads = threads, .normalisation = normalisation});
    const auto all = [&](const TensorView& input) {
      std::vector<std::vector<float>> outputs;
      for (const auto& output : session.run(input, taps)) {
        outputs.push_back(test::elements(output.tensor));
      }
      return outputs;
    };
    CHECK((all(levels.view()) == all(images.view())));
    CHECK((test::run(session, levels.view()) == test::run(session, images.view())));
    const Plan& plan = SessionInternals::plan(session, levels.view().desc);
    CHECK(plan.steps[0].variant == "normalise");
    CHECK(plan.key.images == normalisation);
    CHECK(!SessionInternals::plan(session, {2, 3, 35, 42}).key.images);
  }
}

TEST_CASE("session: images of a wrong shape, and what makes no number of them, are refused",
          "[session][cpu]") {
  Session session(model(), kOneThread);
  const test::Levels levels(1, 32, 36);
  TensorView wrong = levels.view();
  for (const Shape& shape : {Shape{1, 3, 32, 36}, Shape{32, 36, 3}, Shape{1, 32, 36, 4}}) {
    wrong.desc.shape = shape;
    const std::string message = message_of(ErrorCode::kBadInput, [&] { session.run(wrong); });
    CHECK_THAT(message, Contains("uint8 " + shape.to_string()) &&
                            Contains("uint8 [batch, height, width, 3]"));
  }
  TensorView nothing = levels.view();
  nothing.data = nullptr;
  CHECK_THAT(message_of(ErrorCode::kBadInput, [&] { session.run(nothing); }), Contains("no data"));
  for (const Normalisation& bad :
       {Normalisation{.std = {1, 0, 1}}, Normalisation{.std = {1, 1, 1e-45F}},
        Normalisation{.mean = {std::numeric_limits<float>::infinity(), 0, 0}}}) {
    SessionOptions options = kOneThread;
    options.normalisation = bad;
    CHECK_THAT(message_of(ErrorCode::kUsage, [&] { Session(model(), options); }),
               Contains("normalised"));
  }
  CHECK(session.run(levels.view()).size() == 1);
}

TEST_CASE("session: unknown taps are usage errors that list the nearest names", "[session][cpu]") {
  Session session(model(), kOneThread);
  const test::Images images({1, 3, 32, 32});
  const std::vector<std::string> wrong{"layer5"};
  CHECK_THAT(message_of(ErrorCode::kUsage, [&] { session.run(images.view(), wrong); }),
             Contains("'layer5'") && Contains("layer4") && !Contains("stem"));
  CHECK(session.run(images.view()).size() == 1);
}

TEST_CASE("session: taps come after the network's outputs, in their order", "[session][cpu]") {
  Session session(model(), kOneThread);
  const test::Images images({2, 3, 32, 64});
  const std::vector<float> plain = test::run(session, images.view());
  const std::vector<std::string> taps{"layer3", "layer1.attention", "input"};
  const auto outputs = session.run(images.view(), taps);
  REQUIRE(outputs.size() == 4);
  CHECK(outputs[0].name == "logits");
  CHECK(outputs[1].name == "layer3");
  CHECK(outputs[1].tensor.desc.shape == Shape{2, 1024, 2, 4});
  CHECK(outputs[2].name == "layer1.attention");
  CHECK(outputs[2].tensor.desc.shape == Shape{2, 128, 1, 1});
  CHECK(test::difference(test::elements(outputs[3].tensor), test::elements(images.view()),
                         {2, 3, 32, 64}, "input") == "");
  CHECK(test::mismatch(test::elements(outputs[0].tensor), plain, {2, 10},
                       test::network_tolerance(DType::kFloat32), "logits with taps") == "");
}

TEST_CASE("session: options that make no sense, precisions that the device lacks",
          "[session][cpu]") {
  message_of(ErrorCode::kUsage, [] { Session(model(), {Precision::kFp32, -1, {}}); });
  message_of(ErrorCode::kUnsupported, [] { Session(model(), {Precision::kFp16, 1, {}}); });
  message_of(ErrorCode::kUnsupported, [] { Session(model(), {Precision::kTf32, 1, {}}); });
}

TEST_CASE("session: one plan for each shape and set of taps, the least recently used goes first",
          "[session][cpu]") {
  std::atomic<int> graphs = 0;
  const auto counted = counted_model(graphs);
  const auto plans_made_by = [&](Session& session, const Shape& shape,
                                 const std::vector<std::string>& taps = {}) {
    const int before = graphs;
    const Plan& plan = SessionInternals::plan(session, shape, taps);
    CHECK(plan.key.batch == shape[0]);
    CHECK(plan.key.height == shape[2]);
    CHECK(plan.key.width == shape[3]);
    CHECK(plan.key.taps == taps);
    CHECK(plan.key.threads == 1);
    return graphs - before;
  };
  const std::vector<std::string> stem{"stem"};
  Session session(counted, kOneThread);
  CHECK(plans_made_by(session, {1, 3, 32, 32}) == 1);
  CHECK(plans_made_by(session, {1, 3, 32, 32}) == 0);
  CHECK(plans_made_by(session, {1, 3, 32, 32}, stem) == 1);
  CHECK(plans_made_by(session, {1, 3, 32, 32}) == 0);
  CHECK(plans_made_by(session, {2, 3, 32, 32}) == 1);
  CHECK(plans_made_by(session, {1, 3, 33, 32}) == 1);
  CHECK(plans_made_by(session, {1, 3, 32, 33}) == 1);
  for (int i = 0; i < 40; ++i) CHECK(plans_made_by(session, {1, 3, 40, 40 + i}) == 1);
  CHECK(plans_made_by(session, {1, 3, 32, 32}) == 0);

  // With room for four plans, of which the second is the oldest.
  const std::size_t one = kept_bytes(SessionInternals::plan(session, {1, 3, 32, 32}));
  Session small(counted, {.threads = 1, .plan_cache_limit = 4 * one + one / 2});
  for (std::int64_t side : {50, 51, 52, 53}) CHECK(plans_made_by(small, {1, 3, 100, side}) == 1);
  CHECK(plans_made_by(small, {1, 3, 100, 50}) == 0);
  CHECK(plans_made_by(small, {1, 3, 100, 54}) == 1);
  for (std::int64_t side : {50, 52, 53, 54}) CHECK(plans_made_by(small, {1, 3, 100, side}) == 0);
  CHECK(plans_made_by(small, {1, 3, 100, 51}) == 1);
  CHECK(plans_made_by(small, {1, 3, 100, 50}) == 1);

  // The one in use stays whatever it takes.
  Session least(counted, {.threads = 1, .plan_cache_limit = 0});
  CHECK(plans_made_by(least, {1, 3, 200, 50}) == 1);
  CHECK(plans_made_by(least, {1, 3, 200, 50}) == 0);
  CHECK(plans_made_by(least, {1, 3, 200, 51}) == 1);
  CHECK(plans_made_by(least, {1, 3, 200, 50}) == 1);
}

TEST_CASE("session: sessions of a model share its plans while one uses them", "[session][cpu]") {
  std::atomic<int> graphs = 0;
  const auto shared = counted_model(graphs);
  const test::Images images({2, 3, 48, 64});
  const int before = graphs;
  const auto first = std::make_unique<Session>(shared, kOneThread);
  const std::vector<float> expected = test::run(*first, images.view());
  CHECK(graphs == before + 1);
  {
    Session second(shared, kOneThread);
    CHECK(test::run(second, images.view()) == expected);
    CHECK(&SessionInternals::plan(second, images.view().desc) ==
          &SessionInternals::plan(*first, images.view().desc));
    CHECK(graphs == before + 1);
    Session other(shared, {.threads = 2});
    CHECK(test::run(other, images.view()) == expected);
    CHECK(graphs == before + 2);
  }
  CHECK(test::run(*first, images.view()) == expected);
  Session other(shared, {.threads = 2});
  CHECK(test::run(other, images.view()) == expected);
  CHECK(graphs == before + 3);  // nobody had that plan any more
}

TEST_CASE("session: sessions that start together plan once", "[session][cpu]") {
  std::atomic<int> graphs = 0;
  const auto shared = counted_model(graphs);
  const test::Images images({1, 3, 48, 64});
  std::vector<Session> sessions;
  for (int i = 0; i < 4; ++i) sessions.emplace_back(shared, kOneThread);
  const int before = graphs;
  std::vector<std::vector<float>> results(sessions.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    threads.emplace_back([&, i] { results[i] = test::run(sessions[i], images.view()); });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(graphs == before + 1);
  for (const auto& result : results) CHECK(result == results[0]);
}

TEST_CASE("session: results do not depend on what ran before", "[session][cpu]") {
  const test::Images small({1, 3, 32, 32}), large({2, 3, 96, 80}), middle({1, 3, 48, 64});
  const auto alone = [](const test::Images& images) {
    Session session(model(), kOneThread);
    return test::run(session, images.view());
  };
  const std::vector<float> of_small = alone(small), of_large = alone(large);
  const std::vector<float> of_middle = alone(middle);
  Session session(model(), kOneThread);
  for (int round = 0; round < 2; ++round) {
    CHECK(test::difference(test::run(session, small.view()), of_small, {1, 10}, "small") == "");
    CHECK(test::difference(test::run(session, middle.view()), of_middle, {1, 10}, "middle") == "");
    CHECK(test::difference(test::run(session, large.view()), of_large, {2, 10}, "large") == "");
    CHECK(test::difference(test::run(session, small.view()), of_small, {1, 10}, "small") == "");
  }
}

TEST_CASE("session: two precisions of one model side by side", "[session][cpu][bf16]") {
  const test::Images images({1, 3, 64, 64});
  Session alone(test::random_model(resnest14()), {Precision::kBf16, 1, {}});
  const std::vector<float> expected = test::run(alone, images.view());
  const auto shared = test::random_model(resnest14());
  Session single(shared, kOneThread), half(shared, {Precision::kBf16, 1, {}});
  const std::vector<float> reference = test::run(single, images.view());
  CHECK(test::difference(test::run(half, images.view()), expected, {1, 10}, "bf16") == "");
  CHECK(test::difference(test::run(single, images.view()), reference, {1, 10}, "fp32") == "");
  CHECK(test::mismatch(expected, reference, {1, 10}, test::network_tolerance(DType::kBFloat16),
                       "bf16 and fp32") == "");
}

TEST_CASE("session: lives without its maker's model and can be moved", "[session][cpu]") {
  auto own = test::random_model(resnest14());
  Session first(own, kOneThread);
  own.reset();
  const test::Images images({1, 3, 32, 32});
  const std::vector<float> expected = test::run(first, images.view());
  Session second(std::move(first));
  CHECK(test::difference(test::run(second, images.view()), expected, {1, 10}, "moved") == "");
}

TEST_CASE("session: a timed run's parts are of one run, its total of all", "[session][cpu]") {
  Session session(model(), kOneThread);
  const test::Images images({1, 3, 32, 32});
  const RunTimes times = SessionInternals::time_run(session, images.view(), 3);
  CHECK(times.upload_ms > 0);
  CHECK(times.compute_ms > 0);
  CHECK(times.enqueue_ms == 0);
  const double parts = times.upload_ms + times.compute_ms + times.download_ms;
  CHECK(times.total_ms == Approx(3 * parts));
  CHECK_THROWS_AS(SessionInternals::time_run(session, images.view(), 0), Error);
}

TEST_CASE("session: a profile has a time for every step", "[session][cpu]") {
  Session session(model(), kOneThread);
  const test::Images images({1, 3, 32, 32});
  const Profile profile = SessionInternals::profile(session, images.view());
  CHECK(profile.step_ms.size() == SessionInternals::plan(session, {1, 3, 32, 32}).steps.size());
  CHECK(profile.total_ms > 0);
  CHECK(std::ranges::all_of(profile.step_ms, [](double ms) { return ms >= 0; }));
}

TEST_CASE("model: missing and misshapen weights are listed, all of them", "[session][cpu]") {
  const GraphFunction graph = resnest14();
  Graph other = test::graph_of_network("resnest14", 11)({1, 3, 64, 64});
  std::erase_if(other.values, [](const Value& value) {
    return value.name == "bn1.gamma" || value.name == "layer2.0.conv3.weight";
  });
  const std::string message = message_of(ErrorCode::kBadModel, [&] {
    Model(graph, {1, 3, 64, 64}, test::weight_file(other, 1), "cpu");
  });
  for (const char* const name :
       {"bn1.gamma", "layer2.0.conv3.weight", "fc.weight", "fc.bias", "weights of a test"}) {
    CHECK_THAT(message, Contains(name));
  }
}

}  // namespace nestor
