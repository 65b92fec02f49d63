// Injected faults must be found, and kernels without one must not be reported, in every schedule.
#include <catch2/catch.hpp>
#include <cstring>

#include "emulator/build.h"
#include "emulator/emulated_runtime.h"
#include "tests/simt/faults/faulty.h"
#include "tests/simt/support/device.h"

namespace nestor::test {
namespace {

using simt::EmulatedRuntime;
using simt::kRaceBuild;
using simt::Options;

std::uint16_t half_bits(int value) {
  const auto half = static_cast<_Float16>(value);
  std::uint16_t bits;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}

// What the kernels compute from, and should compute.
struct Problem {
  static constexpr int kRows = 48, kColumns = 16, kDepth = 64;
  std::vector<float> input;
  std::vector<std::uint16_t> a, b;

  Problem() {
    for (int i = 0; i < 256; ++i) input.push_back(static_cast<float>(i * 7 % 23 + 1));
    for (int i = 0; i < kRows * kDepth; ++i) a.push_back(half_bits(i * 5 % 7 - 3));
    for (int i = 0; i < kColumns * kDepth; ++i) b.push_back(half_bits(i * 3 % 11 - 5));
  }

  float sum() const {
    float sum = 0;
    for (const float value : input) sum += value;
    return sum;
  }
  std::vector<float> product() const {
    std::vector<float> c;
    for (int row = 0; row < kRows; ++row) {
      for (int column = 0; column < kColumns; ++column) {
        int sum = 0;
        for (int k = 0; k < kDepth; ++k) {
          sum += ((row * kDepth + k) * 5 % 7 - 3) * ((column * kDepth + k) * 3 % 11 - 5);
        }
        c.push_back(static_cast<float>(sum));
      }
    }
    return c;
  }
  std::vector<float> pipe() const {
    std::vector<float> sums;
    for (int thread = 0; thread < 64; ++thread) {
      const int place = (thread * 5 + 1) % 64;
      float sum = 0;
      for (int slice = 0; slice < 4; ++slice) sum += place < 60 ? input[64 * slice + place] : 0;
      sums.push_back(sum);
    }
    return sums;
  }
  std::vector<float> last_block() const {
    std::vector<float> sums;
    for (int thread = 0; thread < 64; ++thread) {
      float sum = 0;
      for (int block = 0; block < 4; ++block) sum += input[64 * block + thread];
      sums.push_back(sum);
    }
    return sums;
  }
  std::vector<float> swapped(int num, bool reversed) const {
    std::vector<float> values;
    for (int i = 0; i < num; ++i) values.push_back(input[reversed ? num - 1 - i : i ^ 1]);
    return values;
  }
};

// What the kernel writes when it is right: `output` or, of the products, `c`.
std::vector<float> wanted_of(Fault fault, const Problem& problem) {
  switch (fault) {
    case Fault::kSumRight:
    case Fault::kSumNoBarrier:
    case Fault::kSumShortArray:
    case Fault::kSumDivergentShuffle:
    case Fault::kSumDivergentBarrier:
    case Fault::kSumWarpSkipsBarrier:
    case Fault::kSumEarlyReturn:
    case Fault::kSumWrongLane:
    case Fault::kSumShortSmem: return std::vector<float>(256, problem.sum());
    case Fault::kGemmRight:
    case Fault::kGemmNoBarrierAfterStore:
    case Fault::kGemmNoBarrierBeforeReuse:
    case Fault::kGemmNotZeroed:
    case Fault::kGemmWrongK:
    case Fault::kGemmRowsNotGuarded:
    case Fault::kGemmMisaligned:
    case Fault::kGemmHostPointer: return problem.product();
    case Fault::kPipeRight:
    case Fault::kPipeWaitsForOneLess:
    case Fault::kPipeNoWait:
    case Fault::kPipeNoBarrier:
    case Fault::kPipeSkipsPadding:
    case Fault::kPipeEndsInFlight:
    case Fault::kPipeStageTooEarly:
    case Fault::kNewerInstruction: return problem.pipe();
    case Fault::kExchangeRight:
    case Fault::kExchangeNoSync:
    case Fault::kExchangeShuffleIsNoBarrier: return problem.swapped(32, false);
    case Fault::kLastBlockRight:
    case Fault::kLastBlockNoFence:
    case Fault::kLastBlockNoAtomic:
    case Fault::kLastBlockNoAcquire: return problem.last_block();
    case Fault::kBlocksWriteSameAddress: return {};
    case Fault::kGlobalExchangeRight:
    case Fault::kGlobalExchangeNoBarrier:
    case Fault::kUninitialisedShared:
    case Fault::kIndexOutOfBounds: return problem.swapped(64, true);
    case Fault::kUninitialisedSharedInt: return std::vector<float>(64, 1.0f);
    case Fault::kUninitialisedGlobal:
    case Fault::kOutOfBoundsGlobal:
    case Fault::kNamedBarrierWrongCount: return {};
    case Fault::kRightHistogram:
    case Fault::kHistogramNotZeroed: return std::vector<float>(16, 4.0f);
  }
  return {};
}

struct Verdict {
  std::string report;
  bool right_values = true;
};

Verdict run(Fault fault, const Options& options) {
  const Problem problem;
  auto owned = std::make_unique<EmulatedRuntime>(options);
  EmulatedRuntime& runtime = *owned;
  Device device(std::move(owned));
  const Array<float> input(device, problem.input), output(device, 256), scratch(device, 1024);
  const Array<float> c(device, Problem::kRows * Problem::kColumns);
  const Array<unsigned> counter(device, std::vector<unsigned>{0});
  const Array<std::uint16_t> a(device, problem.a), b(device, problem.b);
  FaultyArgs args{input.data(), output.data(), scratch.data(), counter.data(), a.data(),
                  b.data(),     c.data(),      Problem::kRows, Problem::kDepth};
  if (fault == Fault::kGemmHostPointer) args.a = problem.a.data();
  DeviceStatus status = run_faulty(fault, args, device.stream());
  if (status.ok()) status = runtime.synchronize(device.stream());
  Verdict verdict;
  if (!status.ok()) {
    verdict.report = status.what;
    return verdict;
  }
  const std::vector<float> wanted = wanted_of(fault, problem);
  const bool is_product = wanted.size() == c.size();
  const std::vector<float> found = is_product ? c.values() : output.values();
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    verdict.right_values = verdict.right_values && found[i] == wanted[i];
  }
  return verdict;
}

enum class Found {
  kReported,     // by every build in every schedule
  kByRaceBuild,  // reported by the race build in every schedule; else wrong values in some
  kByRaceOnly,   // by the race build in every schedule; others see nothing wrong
  kByValues,     // legal, but the values are wrong in every build and schedule
};

struct Case {
  Fault fault;
  Found found;
  const char* report;  // part of it
  int sm = 80;
};

const Case kCases[] = {
    {Fault::kSumNoBarrier, Found::kByRaceBuild, "shared byte"},
    {Fault::kSumShortArray, Found::kReported, "out of bounds"},
    {Fault::kSumDivergentShuffle, Found::kReported, ""},
    {Fault::kSumDivergentBarrier, Found::kReported, "divergent barrier"},
    {Fault::kSumWarpSkipsBarrier, Found::kReported, ""},
    {Fault::kSumEarlyReturn, Found::kReported, ""},
    {Fault::kSumWrongLane, Found::kByValues, ""},
    {Fault::kSumShortSmem, Found::kReported, "the launch asked for 16"},
    {Fault::kGemmNoBarrierAfterStore, Found::kByRaceBuild, "shared byte"},
    {Fault::kGemmNoBarrierBeforeReuse, Found::kByRaceBuild, "without a barrier"},
    {Fault::kGemmNotZeroed, Found::kByValues, ""},
    {Fault::kGemmWrongK, Found::kReported, "out of bounds"},
    {Fault::kGemmRowsNotGuarded, Found::kReported, "out of bounds"},
    {Fault::kGemmMisaligned, Found::kReported, "not aligned to 16"},
    {Fault::kGemmHostPointer, Found::kReported, "neither shared memory nor allocated"},
    {Fault::kPipeWaitsForOneLess, Found::kByRaceBuild, "a wait is missing"},
    {Fault::kPipeNoWait, Found::kByRaceBuild, "a wait is missing"},
    {Fault::kPipeNoBarrier, Found::kByRaceBuild, "shared byte"},
    {Fault::kPipeSkipsPadding, Found::kByRaceBuild, "not initialised"},
    {Fault::kPipeEndsInFlight, Found::kReported, "async cop"},
    {Fault::kPipeStageTooEarly, Found::kByRaceBuild, "shared byte"},
    {Fault::kExchangeNoSync, Found::kByRaceBuild, "shared byte"},
    {Fault::kExchangeShuffleIsNoBarrier, Found::kByRaceOnly, "without a barrier"},
    {Fault::kLastBlockNoFence, Found::kByRaceOnly, "in the same launch"},
    {Fault::kLastBlockNoAtomic, Found::kByRaceBuild, "global byte"},
    {Fault::kLastBlockNoAcquire, Found::kByRaceOnly, "in the same launch"},
    {Fault::kBlocksWriteSameAddress, Found::kByRaceOnly, "in the same launch"},
    {Fault::kGlobalExchangeNoBarrier, Found::kByRaceBuild, "global byte"},
    {Fault::kUninitialisedShared, Found::kByRaceBuild, "not initialised"},
    {Fault::kUninitialisedSharedInt, Found::kByRaceBuild, "not initialised"},
    {Fault::kUninitialisedGlobal, Found::kByRaceOnly, "not initialised"},
    {Fault::kOutOfBoundsGlobal, Found::kReported, "out of bounds"},
    {Fault::kIndexOutOfBounds, Found::kReported, "index 64 is out of bounds"},
    {Fault::kNamedBarrierWrongCount, Found::kReported, "deadlock"},
    {Fault::kNewerInstruction, Found::kReported, "needs sm_80, this is sm_75", 75},
    {Fault::kHistogramNotZeroed, Found::kByRaceBuild, "not initialised"},
};

const Fault kRight[] = {Fault::kSumRight,      Fault::kGemmRight,      Fault::kPipeRight,
                        Fault::kExchangeRight, Fault::kLastBlockRight, Fault::kGlobalExchangeRight,
                        Fault::kRightHistogram};

std::vector<Options> many_schedules(int sm) {
  std::vector<Options> all;
  for (const auto order : {simt::Order::kForward, simt::Order::kReverse, simt::Order::kRandom}) {
    for (const bool eager : {false, true}) {
      for (std::uint64_t seed = 1; seed <= (order == simt::Order::kRandom ? 5 : 1); ++seed) {
        Options options;
        options.sm = sm;
        options.order = order;
        options.seed = seed;
        options.eager_copies = options.eager_streams = eager;
        all.push_back(options);
      }
    }
  }
  return all;
}

// Under AddressSanitizer plain accesses that are out of bounds end the program, so they are left
// out.
bool ends_program(Fault fault) {
  return simt::kAddressBuild &&
         (fault == Fault::kSumShortArray || fault == Fault::kGemmRowsNotGuarded ||
          fault == Fault::kOutOfBoundsGlobal);
}

}  // namespace

TEST_CASE("kernels without a fault are not reported", "[simt][faults]") {
  for (const Fault fault : kRight) {
    for (const Options& options : many_schedules(80)) {
      const Verdict verdict = run(fault, options);
      INFO("kernel " << static_cast<int>(fault) << ", " << to_string(options));
      CHECK(verdict.report == "");
      CHECK(verdict.right_values);
    }
  }
}

TEST_CASE("injected faults are found", "[simt][faults]") {
  for (const Case& tested : kCases) {
    if (ends_program(tested.fault)) continue;
    int num_reported = 0, num_wrong = 0, num_other_reports = 0;
    std::string last_report;
    const std::vector<Options> schedules = many_schedules(tested.sm);
    for (const Options& options : schedules) {
      const Verdict verdict = run(tested.fault, options);
      num_reported += !verdict.report.empty();
      num_wrong += !verdict.right_values;
      num_other_reports +=
          !verdict.report.empty() && verdict.report.find(tested.report) == std::string::npos;
      if (!verdict.report.empty()) last_report = verdict.report;
    }
    const int num_all = static_cast<int>(schedules.size());
    INFO("fault " << static_cast<int>(tested.fault) << ": reported in " << num_reported
                  << ", wrong values in " << num_wrong << " of " << num_all << " schedules; "
                  << last_report);
    switch (tested.found) {
      case Found::kReported: CHECK(num_reported == num_all); break;
      case Found::kByRaceBuild:
        CHECK((kRaceBuild ? num_reported == num_all : num_reported + num_wrong > 0));
        break;
      case Found::kByRaceOnly: CHECK((!kRaceBuild || num_reported == num_all)); break;
      case Found::kByValues: CHECK(num_wrong == num_all); break;
    }
    CHECK(num_other_reports == 0);
  }
}

TEST_CASE("a report names kernel, thread, place and fault", "[simt][faults]") {
  Options options;
  const std::string report = run(Fault::kGemmMisaligned, options).report;
  CHECK(report.find("kernel gemm, thread 0 (warp 0, lane 0) of block (0,0,0), in load at "
                    "faulty.cu:") == 0);
  if (kRaceBuild) {
    const std::string race = run(Fault::kExchangeShuffleIsNoBarrier, options).report;
    INFO(race);
    CHECK(race.find("kernel exchange, thread ") == 0);
    CHECK(race.find("in a load at faulty.cu:") != std::string::npos);
    CHECK(race.find("race: reads shared byte") != std::string::npos);
  }
}

}  // namespace nestor::test
