// Batches that overlap, and runs on streams and memory of the caller's, on emulated devices whose
// streams work when they are given something, or when somebody waits.

#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cstring>

#include "engine/session_internals.h"
#include "nestor/error.h"
#include "tests/executor/caller_memory.h"
#include "tests/executor/emulated_model.h"

namespace nestor {

namespace {

using Catch::Contains;
using Outputs = std::vector<std::vector<float>>;

Outputs copies_of(std::span<const Session::Output> outputs) {
  Outputs copies;
  for (const Session::Output& output : outputs) copies.push_back(test::elements(output.tensor));
  return copies;
}

// Batches of different images, sizes and taps.
struct Batch {
  test::Images images;
  std::vector<std::string> taps;
};
const std::vector<Batch>& batches() {
  static const std::vector<Batch> list = [] {
    std::vector<Batch> made;
    const std::vector<std::string> none, some{"splits", "attention"};
    for (std::uint64_t i = 0; i < 4; ++i) made.push_back({test::Images({2, 3, 16, 16}, i), none});
    made.push_back({test::Images({1, 3, 16, 16}, 4), none});  // as the last batch often is
    made.push_back({test::Images({3, 3, 32, 24}, 5), none});  // takes a larger arena
    made.push_back({test::Images({2, 3, 16, 16}, 6), some});
    for (std::uint64_t i = 7; i < 9; ++i) made.push_back({test::Images({2, 3, 16, 16}, i), none});
    return made;
  }();
  return list;
}

std::vector<Outputs> one_by_one(Session& session) {
  std::vector<Outputs> results;
  for (const Batch& batch : batches()) {
    results.push_back(copies_of(session.run(batch.images.view(), batch.taps)));
  }
  return results;
}

std::vector<Outputs> overlapped(Session& session) {
  std::vector<Outputs> results;
  for (const Batch& batch : batches()) {
    if (session.num_pending() == session.num_slots()) {
      results.push_back(copies_of(session.collect()));
    }
    test::Images given = batch.images;
    session.submit(given.view(), batch.taps);
    given = test::Images(given.view().desc.shape, 99);  // was copied
  }
  while (session.num_pending() > 0) results.push_back(copies_of(session.collect()));
  return results;
}

// Streams that work at once, when somebody waits, and in any order that events allow.
std::vector<simt::Options> stream_schedules() {
  std::vector<simt::Options> list(2);
  list[0].eager_streams = true;
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    list.emplace_back();
    list.back().order = simt::Order::kRandom;
    list.back().seed = seed;
  }
  return list;
}

std::shared_ptr<const Model> model_with(const simt::Options& options) {
  return test::emulated_model(test::small_graph, 70, options);
}

template <class Action>
std::string refusal(ErrorCode code, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    CHECK(std::string(to_string(error.code())) == to_string(code));
    return error.what();
  }
  return "not refused";
}

}  // namespace

TEST_CASE("streams: overlapping batches give what they give alone, in their order",
          "[simt][executor][streams]") {
  for (const simt::Options& options : stream_schedules()) {
    INFO(simt::to_string(options) << " seed " << options.seed);
    const auto model = model_with(options);
    Session serial(model, {}), session(model, {});
    const std::vector<Outputs> expected = one_by_one(serial);
    CHECK(session.num_slots() == 2);
    CHECK((overlapped(session) == expected));
    CHECK((one_by_one(session) == expected));
    CHECK((overlapped(session) == expected));
  }
}

TEST_CASE("streams: a later overlapped batch makes no object", "[simt][executor][streams]") {
  const auto model = model_with({});
  Session session(model, {});
  const test::Images images({2, 3, 16, 16});
  const auto two_batches = [&] {
    session.submit(images.view());
    session.submit(images.view());
    session.collect();
    session.collect();
  };
  two_batches();
  simt::EmulatedRuntime& runtime = *simt::last_runtime();
  const std::int64_t objects = runtime.num_live_objects(), before = runtime.num_calls();
  two_batches();
  CHECK(runtime.num_live_objects() == objects);
  // Each: up, event, wait, in, graph, out, event, wait, down, event; wait.
  CHECK(runtime.num_calls() - before == 2 * 11);
}

TEST_CASE("streams: what does not go while batches are pending is refused, and they are kept",
          "[simt][executor][streams]") {
  const auto model = model_with({});
  Session session(model, {});
  const test::Images images({1, 3, 16, 16});
  const std::vector<float> expected = test::run(session, images.view());
  CHECK_THAT(refusal(ErrorCode::kUsage, [&] { session.collect(); }), Contains("pending"));
  session.submit(images.view());
  CHECK_THAT(refusal(ErrorCode::kUsage, [&] { session.run(images.view()); }), Contains("collect"));
  CHECK_THAT(refusal(ErrorCode::kUsage,
                     [&] {
                       SessionInternals::plan(session, {1, 3, 16, 16});
                     }),
             Contains("collect"));
  CHECK_THAT(refusal(ErrorCode::kBadInput,
                     [&] {
                       session.submit({{DType::kFloat32, {3}}, &session});
                     }),
             Contains("[3]"));
  session.submit(images.view());
  CHECK_THAT(refusal(ErrorCode::kUsage, [&] { session.submit(images.view()); }),
             Contains("2 submitted"));
  CHECK(session.num_pending() == 2);
  CHECK(test::elements(session.collect()[0].tensor) == expected);
  CHECK(test::elements(session.collect()[0].tensor) == expected);
  CHECK(test::run(session, images.view()) == expected);
}

TEST_CASE("streams: a caller's stream and memory", "[simt][executor][streams]") {
  for (const simt::Options& options : stream_schedules()) {
    INFO(simt::to_string(options) << " seed " << options.seed);
    const auto model = model_with(options);
    simt::EmulatedRuntime& runtime = *simt::last_runtime();
    Session session(model, {});
    std::vector<Outputs> expected = one_by_one(session), results;
    // Two streams in turns, other memory each time, nobody waits in between.
    test::CallerStream streams[] = {test::CallerStream(runtime), test::CallerStream(runtime)};
    std::vector<std::unique_ptr<test::CallerRun>> runs;
    for (std::size_t i = 0; i < batches().size(); ++i) {
      const Batch& batch = batches()[i];
      runs.push_back(std::make_unique<test::CallerRun>(runtime, batch.images.view(), expected[i]));
      runs.back()->enqueue(session, streams[i % 2], batch.taps);
    }
    // A run on the session's own stream comes behind them.
    CHECK((copies_of(session.run(batches()[0].images.view())) == expected[0]));
    for (const test::CallerStream& stream : streams) stream.synchronize();
    for (const auto& run : runs) results.push_back(run->results());
    CHECK((results == expected));
    // And a submitted batch, too.
    runs[0]->enqueue(session, streams[0], {});
    session.submit(batches()[1].images.view());
    runs[0]->enqueue_refused(session, streams[0]);
    CHECK((copies_of(session.collect()) == expected[1]));
    streams[0].synchronize();
    CHECK((runs[0]->results() == expected[0]));
  }
}

TEST_CASE("streams: a caller's memory may hold images", "[simt][executor][streams]") {
  const auto model = model_with({});
  Session session(model, {});
  const test::Levels levels(2, 16, 16);
  const Outputs expected = copies_of(session.run(levels.normalised({}).view()));
  const test::CallerStream stream(*simt::last_runtime());
  test::CallerRun run(*simt::last_runtime(), levels.view(), expected);
  run.enqueue(session, stream, {});
  stream.synchronize();
  CHECK((run.results() == expected));
}

TEST_CASE("streams: enqueue does not wait, and replays the graph", "[simt][executor][streams]") {
  const auto model = model_with({});
  simt::EmulatedRuntime& runtime = *simt::last_runtime();
  Session session(model, {});
  const test::Images images({2, 3, 16, 16});
  const Outputs expected = copies_of(session.run(images.view()));
  const test::CallerStream stream(runtime);
  test::CallerRun run(runtime, images.view(), expected);
  run.enqueue(session, stream, {});
  stream.synchronize();
  run.forget();
  const std::int64_t before = runtime.num_calls(), objects = runtime.num_live_objects();
  run.enqueue(session, stream, {});
  // Input up (the test's), wait, in, graph, out, event, and the test's copy back.
  CHECK(runtime.num_calls() - before == 7);
  CHECK(runtime.num_live_objects() == objects);
  CHECK((run.results() != expected));  // lazy: nothing was waited for
  stream.synchronize();
  CHECK((run.results() == expected));
}

TEST_CASE("streams: a session's end waits for what was enqueued", "[simt][executor][streams]") {
  const auto model = model_with({});
  simt::EmulatedRuntime& runtime = *simt::last_runtime();
  const test::Images images({2, 3, 16, 16});
  auto session = std::make_unique<Session>(model, SessionOptions{});
  const Outputs expected = copies_of(session->run(images.view()));
  const test::CallerStream stream(runtime);
  test::CallerRun run(runtime, images.view(), expected);
  run.enqueue(*session, stream, {});
  const std::int64_t objects = runtime.num_live_objects();
  session.reset();
  // Arena, outputs, staging, stream, event, and the graph, which nobody may launch any more.
  CHECK(runtime.num_live_objects() == objects - 6);
  stream.synchronize();
  CHECK((run.results() == expected));
}

TEST_CASE("streams: a larger arena waits for what uses the old one", "[simt][executor][streams]") {
  const std::int64_t leaked = simt::EmulatedRuntime::num_leaked_objects();
  {
    const auto model = model_with({});
    simt::EmulatedRuntime& runtime = *simt::last_runtime();
    Session session(model, {});
    const test::Images images({2, 3, 16, 16}), larger({3, 3, 32, 24});
    const Outputs expected = copies_of(session.run(images.view()));
    const test::CallerStream stream(runtime);
    test::CallerRun run(runtime, images.view(), expected);
    run.enqueue(session, stream, {});
    static_cast<void>(session.run(larger.view()));  // moves the arena
    run.enqueue(session, stream, {});               // records the plan anew
    stream.synchronize();
    CHECK((run.results() == expected));
    session.submit(images.view());
    session.submit(test::Images({4, 3, 48, 48}).view());
    CHECK((copies_of(session.collect()) == expected));
    session.collect();
  }
  CHECK(simt::EmulatedRuntime::num_leaked_objects() == leaked);
}

TEST_CASE("streams: a session may end while batches are pending", "[simt][executor][streams]") {
  const std::int64_t leaked = simt::EmulatedRuntime::num_leaked_objects();
  {
    const auto model = model_with({});
    const test::Images images({2, 3, 16, 16});
    Session session(model, {});
    session.submit(images.view());
    session.submit(images.view());
  }
  CHECK(simt::EmulatedRuntime::num_leaked_objects() == leaked);
}

TEST_CASE("streams: memory and streams that do not fit are refused", "[simt][executor][streams]") {
  const auto model = model_with({});
  simt::EmulatedRuntime& runtime = *simt::last_runtime();
  Session session(model, {});
  const test::Images images({1, 3, 16, 16});
  const test::CallerStream stream(runtime);
  const test::DeviceArray input(runtime, 3 * 16 * 16), output(runtime, 10);
  const TensorView view{{DType::kFloat32, {1, 3, 16, 16}}, input.data()};
  const Session::DeviceBuffer whole{output.data(), 40}, small{output.data(), 39}, none{nullptr, 40};
  const auto enqueue = [&](std::vector<Session::DeviceBuffer> outputs, void* on) {
    return refusal(ErrorCode::kUsage, [&] { session.enqueue(view, outputs, on); });
  };
  CHECK_THAT(enqueue({whole}, nullptr), Contains("stream"));
  CHECK_THAT(enqueue({}, stream.get()), Contains("0 outputs"));
  CHECK_THAT(enqueue({whole, whole}, stream.get()), Contains("2 outputs"));
  CHECK_THAT(enqueue({small}, stream.get()), Contains("logits") && Contains("39"));
  CHECK_THAT(enqueue({none}, stream.get()), Contains("logits"));
  CHECK(enqueue({whole}, stream.get()) == "not refused");
  stream.synchronize();
}

}  // namespace nestor
