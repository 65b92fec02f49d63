// Tuning on emulated devices, whose clock the tests set.

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "engine/session_internals.h"
#include "kernels/convolution/tiles.h"
#include "tests/executor/emulated_model.h"
#include "tests/support/compare.h"

namespace nestor {

namespace {

namespace fs = std::filesystem;

const Shape kShape{1, 3, 16, 16};

// A path of its own, without a file.
class TemporaryFile {
 public:
  TemporaryFile() {
    char name[] = "/tmp/nestor-tuning-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  ~TemporaryFile() { fs::remove_all(folder_); }

  std::string path() const { return (folder_ / "new" / "tuning.json").string(); }

 private:
  fs::path folder_;
};

// Kernels of that name take a tenth of the time of all others.
void let_win(const std::string& name) {
  simt::last_runtime()->set_durations(
      [name](const simt::Launch& launch) { return name == launch.name ? 0.1F : 1.0F; });
}

std::vector<const Step*> tuned_steps(const Plan& plan) {
  std::vector<const Step*> tuned;
  for (const Step& step : plan.steps) {
    if (step.gpu && step.gpu->tuned) tuned.push_back(&step);
  }
  return tuned;
}

}  // namespace

TEST_CASE("tuning: whatever tile the device runs fastest is chosen, kept and used",
          "[simt][executor][tuning]") {
  for (const int sm : {70, 80}) {
    const auto model = test::emulated_model(test::small_graph, sm);
    const test::Images images(kShape);
    Session untuned(model, {});
    const std::vector<float> expected = test::run(untuned, images.view());
    const TuneOptions all{.candidates = 100, .runs = 1};
    // Every tile that some problem can be run with wins once.
    int winners = 0;
    for (const ConvolutionTile& tile : kConvolutionTiles) {
      let_win(tile.name);
      const TuningReport report = SessionInternals::tune(untuned, kShape, all);
      REQUIRE(report.problems.size() == 2);
      TemporaryFile file;
      update_tuning(file.path(), report.key, report.choices());
      Session tuned(model, {.tuning = file.path()});
      CHECK(tuned.warnings().empty());
      const Plan& plan = SessionInternals::plan(tuned, kShape);
      CHECK(tuned_steps(plan).size() == 2);
      for (const TunedProblem& problem : report.problems) {
        INFO(problem.problem << " by " << tile.name);
        CHECK(problem.candidates > 1);
        CHECK(problem.best.us <= problem.modelled.us);
        if (problem.best.tile != tile.name) continue;
        ++winners;
        CHECK(problem.best.us == Approx(100));
        const auto step = std::ranges::find(plan.steps, problem.step, &Step::name);
        REQUIRE(step != plan.steps.end());
        CHECK(step->variant == problem.best.variant);
        CHECK(step->gpu->tile.starts_with(fmt::format("{}x{}", tile.m, tile.n)));
      }
      simt::last_runtime()->reset_counters();
      CHECK(test::mismatch(test::run(tuned, images.view()), expected, {1, 10},
                           test::network_tolerance(DType::kFloat16), tile.name) == "");
      const auto won = std::ranges::count(report.problems, std::string(tile.name),
                                          [](const TunedProblem& p) { return p.best.tile; });
      CHECK((simt::last_runtime()->counters()[tile.name].launches >= won));
    }
    CHECK(winners > 12);
  }
}

TEST_CASE("tuning: without a difference the model's choice stays", "[simt][executor][tuning]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  simt::last_runtime()->set_durations([](const simt::Launch&) { return 1.0F; });
  Session session(model, {});
  for (const TunedProblem& problem :
       SessionInternals::tune(session, kShape, {.candidates = 4, .runs = 2}).problems) {
    CHECK(problem.best == problem.modelled);
    CHECK(problem.candidates <= 4);
  }
  CHECK_THROWS_AS(SessionInternals::tune(session, kShape, {.candidates = 0}), Error);
  CHECK_THROWS_AS(SessionInternals::tune(session, Shape{3, 16, 16}), Error);
}

TEST_CASE("tuning: a file is kept up to date, and other GPUs' parts stay",
          "[simt][executor][tuning]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {});
  const TuneOptions quick{.candidates = 2, .runs = 1};
  const TuningReport report = SessionInternals::tune(session, kShape, quick);
  TemporaryFile file;
  TuningKey other = report.key;
  other.gpu = "another GPU";
  update_tuning(file.path(), other, report.choices());
  {
    Session stale(model, {.tuning = file.path()});
    REQUIRE(stale.warnings().size() == 1);
    CHECK(stale.warnings()[0].find("another GPU") != std::string::npos);
    CHECK(tuned_steps(SessionInternals::plan(stale, kShape)).empty());
  }
  update_tuning(file.path(), report.key, report.choices());
  update_tuning(file.path(), report.key,
                SessionInternals::tune(session, Shape{2, 3, 16, 16}, quick).choices());
  const TuningFile read = read_tuning(file.path());
  REQUIRE(read.sections.size() == 2);
  CHECK(read.find(report.key).size() == 4);
  CHECK(read.find(other) == report.choices());
  // Other versions and precisions of the same GPU are other sections.
  Session single(model, {.precision = Precision::kFp32, .tuning = file.path()});
  REQUIRE(single.warnings().size() == 1);
  CHECK(single.warnings()[0].find("fp16") != std::string::npos);
}

TEST_CASE("tuning: a choice that cannot be is refused, and the plan is the model's",
          "[simt][executor][tuning]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {});
  const test::Images images(kShape);
  const std::vector<float> expected = test::run(session, images.view());
  const TuningReport report = SessionInternals::tune(session, kShape, {.candidates = 1, .runs = 1});
  const TunedChoice good = report.problems.back().best;
  const TunedChoice bad[] = {
      {.variant = good.variant, .tile = "convolution_sm70_1x1"},   // no such tile
      {.variant = good.variant, .tile = good.tile, .splits = 64},  // more than there are slices
      {.variant = "convolution_sm80", .tile = "convolution_sm80_128x128"},  // another GPU's
      {.variant = "convolution_sm70", .tile = "convolution_sm80_128x128"},
      {.variant = "stem_convolution", .tile = good.tile},
      {.variant = "winograd", .tile = ""},
  };
  for (const TunedChoice& choice : bad) {
    INFO(choice.variant << " " << choice.tile << " " << choice.splits);
    TunedChoices choices = report.choices();
    for (auto& [name, entry] : choices) entry = choice;
    TemporaryFile file;
    update_tuning(file.path(), report.key, choices);
    Session misled(model, {.tuning = file.path()});
    CHECK(test::run(misled, images.view()) == expected);
    REQUIRE(misled.warnings().size() == 1);
    CHECK(misled.warnings()[0].find(choice.variant) != std::string::npos);
    CHECK(tuned_steps(SessionInternals::plan(misled, kShape)).empty());
  }
}

TEST_CASE("tuning: deterministic plans of any batch use what batch 16 was tuned to",
          "[simt][executor][tuning][deterministic]") {
  const auto model = test::emulated_model(test::small_graph, 70);
  Session session(model, {.deterministic = true});
  let_win("convolution_sm70_64x64");
  const TuningReport report =
      SessionInternals::tune(session, {16, 3, 16, 16}, {.candidates = 100, .runs = 1});
  TemporaryFile file;
  update_tuning(file.path(), report.key, report.choices());
  Session tuned(model, {.deterministic = true, .tuning = file.path()});
  for (const std::int64_t batch : {1, 3, 16}) {
    const std::vector<const Step*> steps =
        tuned_steps(SessionInternals::plan(tuned, {batch, 3, 16, 16}));
    REQUIRE(steps.size() == 2);
    CHECK(steps[1]->gpu->tile == "64x64");
  }
  CHECK(tuned.warnings().empty());
}

TEST_CASE("tuning: a fault ends it and leaks nothing", "[simt][executor][tuning][faults]") {
  const std::int64_t leaked = simt::EmulatedRuntime::num_leaked_objects();
  std::int64_t unheard = 0;  // failures of calls that give something back
  {
    const auto model = test::emulated_model(test::small_graph, 70);
    simt::EmulatedRuntime& runtime = *simt::last_runtime();
    Session session(model, {});
    const TuneOptions quick{.candidates = 2, .runs = 1};
    const std::int64_t before = runtime.num_calls();
    SessionInternals::tune(session, kShape, quick);
    const std::int64_t calls = runtime.num_calls() - before;
    int errors = 0;
    for (std::int64_t n = 1; n <= calls; ++n) {
      runtime.fail_call(n, DeviceCode::kFailed);
      try {
        SessionInternals::tune(session, kShape, quick);
      } catch (const Error&) {
        ++errors;
      }
    }
    CHECK(errors > calls / 2);
    unheard = calls - errors;
    runtime.fail_call(0, DeviceCode::kOk);
    CHECK(SessionInternals::tune(session, kShape, quick).problems.size() == 2);
  }
  CHECK(simt::EmulatedRuntime::num_leaked_objects() - leaked <= unheard);
}

}  // namespace nestor
