// The emulated runtime: order of streams, events, graphs, and failures of any call.
#include <catch2/catch.hpp>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "emulator/emulated_runtime.h"
#include "tests/simt/faults/faulty.h"
#include "tests/simt/kernels/conformance.h"
#include "tests/simt/support/device.h"

namespace nestor::test {
namespace {

using simt::EmulatedRuntime;
using simt::Options;

struct Buffers {
  void* device = nullptr;
  std::vector<float> host = std::vector<float>(32, 1.0f), back = std::vector<float>(32, 0.0f);
  static constexpr std::size_t kBytes = 32 * sizeof(float);
};

}  // namespace

TEST_CASE("work of a stream is done when somebody waits for it", "[simt][runtime]") {
  EmulatedRuntime runtime{Options{}};
  Buffers buffers;
  Stream stream = nullptr;
  check(runtime.create_stream(stream));
  check(runtime.allocate(buffers.device, Buffers::kBytes));
  check(runtime.copy_to_device(buffers.device, buffers.host.data(), Buffers::kBytes, stream));
  check(runtime.copy_to_host(buffers.back.data(), buffers.device, Buffers::kBytes, stream));
  CHECK(buffers.back[0] == 0.0f);
  buffers.host[0] = 7.0f;  // too early: the copy has not run
  check(runtime.synchronize(stream));
  CHECK(buffers.back[0] == 7.0f);
  CHECK(buffers.back[31] == 1.0f);
  check(runtime.release(buffers.device));
  check(runtime.destroy_stream(stream));
  CHECK(runtime.num_live_objects() == 0);
}

TEST_CASE("events order streams", "[simt][runtime]") {
  EmulatedRuntime runtime{Options{}};
  Buffers buffers;
  Stream first = nullptr, second = nullptr;
  Event copied = nullptr;
  check(runtime.create_stream(first));
  check(runtime.create_stream(second));
  check(runtime.create_event(copied));
  check(runtime.allocate(buffers.device, Buffers::kBytes));
  check(runtime.copy_to_device(buffers.device, buffers.host.data(), Buffers::kBytes, first));
  check(runtime.record(copied, first));
  check(runtime.fill(buffers.device, 0, Buffers::kBytes, first));  // behind the event
  check(runtime.wait(second, copied));
  check(runtime.copy_to_host(buffers.back.data(), buffers.device, Buffers::kBytes, second));
  check(runtime.synchronize(second));
  CHECK(buffers.back[0] == 1.0f);
  float elapsed = -1;
  check(runtime.milliseconds(elapsed, copied, copied));
  CHECK(elapsed == 0.0f);
  check(runtime.destroy_event(copied));
  check(runtime.destroy_stream(first));
  check(runtime.destroy_stream(second));
  check(runtime.release(buffers.device));
  CHECK(runtime.num_live_objects() == 0);
}

TEST_CASE("in random order streams interleave, and events still order them", "[simt][runtime]") {
  int interleaved = 0;
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    Options options;
    options.order = simt::Order::kRandom;
    options.seed = seed;
    EmulatedRuntime runtime{options};
    Buffers buffers;
    Stream first = nullptr, second = nullptr;
    Event filled = nullptr;
    check(runtime.create_stream(first));
    check(runtime.create_stream(second));
    check(runtime.create_event(filled));
    check(runtime.allocate(buffers.device, Buffers::kBytes));
    check(runtime.fill(buffers.device, 0, Buffers::kBytes, first));
    check(runtime.copy_to_device(buffers.device, buffers.host.data(), Buffers::kBytes, second));
    check(runtime.record(filled, second));
    check(runtime.wait(first, filled));
    check(runtime.copy_to_host(buffers.back.data(), buffers.device, Buffers::kBytes, first));
    check(runtime.synchronize(first));
    interleaved += buffers.back[0] == 0.0f ? 1 : 0;  // nothing ordered the first two
    check(runtime.fill(buffers.device, 0, Buffers::kBytes, first));
    check(runtime.record(filled, first));
    check(runtime.wait(second, filled));
    check(runtime.copy_to_device(buffers.device, buffers.host.data(), Buffers::kBytes, second));
    check(runtime.synchronize(second));
    check(runtime.copy_to_host(buffers.back.data(), buffers.device, Buffers::kBytes, second));
    check(runtime.synchronize(second));
    CHECK(buffers.back[0] == 1.0f);
    check(runtime.destroy_event(filled));
    check(runtime.destroy_stream(first));
    check(runtime.destroy_stream(second));
    check(runtime.release(buffers.device));
  }
  CHECK(interleaved > 0);
  CHECK(interleaved < 8);
}

TEST_CASE("a captured graph is done at each launch, and not before", "[simt][runtime]") {
  EmulatedRuntime runtime{Options{}};
  Buffers buffers;
  Stream stream = nullptr, side = nullptr;
  Event forked = nullptr, joined = nullptr;
  DeviceGraph graph = nullptr;
  check(runtime.create_stream(stream));
  check(runtime.create_stream(side));
  check(runtime.create_event(forked));
  check(runtime.create_event(joined));
  check(runtime.allocate(buffers.device, Buffers::kBytes));
  void* sums = nullptr;
  check(runtime.allocate(sums, 128 * sizeof(float)));

  check(runtime.begin_capture(stream));
  check(runtime.copy_to_device(buffers.device, buffers.host.data(), Buffers::kBytes, stream));
  check(runtime.record(forked, stream));
  check(runtime.wait(side, forked));
  check(runtime.fill(sums, 0, 128 * sizeof(float), side));
  check(runtime.record(joined, side));
  check(runtime.wait(stream, joined));
  check(runtime.copy_to_host(buffers.back.data(), buffers.device, Buffers::kBytes, stream));
  check(runtime.end_capture(stream, graph));
  check(runtime.synchronize(stream));
  CHECK(buffers.back[0] == 0.0f);
  for (const float value : {3.0f, 4.0f}) {
    buffers.host[0] = value;
    check(runtime.launch_graph(graph, stream));
    check(runtime.synchronize(stream));
    CHECK(buffers.back[0] == value);
  }

  SECTION("calls that wait break a capture") {
    check(runtime.begin_capture(stream));
    CHECK_FALSE(runtime.synchronize(stream).ok());
    void* more = nullptr;
    CHECK_FALSE(runtime.allocate(more, 16).ok());
    DeviceGraph broken = nullptr;
    CHECK(runtime.end_capture(stream, broken).code == DeviceCode::kFailed);
    CHECK(broken == nullptr);
    check(runtime.synchronize(stream));  // and the stream works again
  }
  SECTION("a stream that was not joined is refused") {
    check(runtime.begin_capture(stream));
    check(runtime.record(forked, stream));
    check(runtime.wait(side, forked));
    check(runtime.fill(sums, 0, 128 * sizeof(float), side));
    DeviceGraph broken = nullptr;
    CHECK(runtime.end_capture(stream, broken).code == DeviceCode::kFailed);
    check(runtime.synchronize(side));
  }
  check(runtime.launch_graph(graph, stream));
  CHECK_FALSE(runtime.destroy_graph(graph).ok());  // the launch is not done
  check(runtime.synchronize(stream));
  check(runtime.destroy_graph(graph));
  check(runtime.destroy_event(forked));
  check(runtime.destroy_event(joined));
  check(runtime.destroy_stream(side));
  check(runtime.destroy_stream(stream));
  check(runtime.release(buffers.device));
  check(runtime.release(sums));
  CHECK(runtime.num_live_objects() == 0);
}

TEST_CASE("arguments that make no sense are refused, and the device still works",
          "[simt][runtime]") {
  Options options;
  options.memory_bytes = 1 << 20;
  EmulatedRuntime runtime(options);
  Stream stream = nullptr;
  check(runtime.create_stream(stream));
  void* pointer = nullptr;
  CHECK(runtime.allocate(pointer, std::size_t{2} << 20).code == DeviceCode::kOutOfMemory);
  CHECK(pointer == nullptr);
  check(runtime.allocate(pointer, 100));
  std::vector<char> host(200);
  CHECK(runtime.copy_to_device(pointer, host.data(), 101, stream).code ==
        DeviceCode::kInvalidArgument);
  CHECK(runtime.copy_to_host(host.data(), host.data(), 1, stream).code ==
        DeviceCode::kInvalidArgument);
  CHECK(runtime.release(static_cast<char*>(pointer) + 1).code == DeviceCode::kInvalidArgument);
  CHECK(run_atomic(0, {}, stream).code == DeviceCode::kInvalidArgument);  // an empty grid
  check(runtime.copy_to_device(pointer, host.data(), 100, stream));
  check(runtime.synchronize(stream));
  check(runtime.release(pointer));
  check(runtime.destroy_stream(stream));
}

TEST_CASE("launches that may overlap run in order, clusters are refused", "[simt][runtime]") {
  EmulatedRuntime runtime{Options{}};
  Stream stream = nullptr;
  check(runtime.create_stream(stream));
  void* value = nullptr;
  check(runtime.allocate(value, sizeof(std::uint32_t)));
  check(runtime.fill(value, 0, sizeof(std::uint32_t), stream));
  auto* const number = static_cast<std::uint32_t*>(value);
  for (const unsigned digit : {1, 1, 0, 1}) {
    check(run_append({number, digit}, {}, /*overlap=*/true, stream));
  }
  const DeviceStatus clustered = run_append({number, 1}, {2, 1, 1}, /*overlap=*/false, stream);
  CHECK(clustered.code == DeviceCode::kInvalidArgument);
  CHECK(std::string(clustered.what).find("a cluster of 2x1x1 blocks") != std::string::npos);
  std::uint32_t result = 0;
  check(runtime.copy_to_host(&result, value, sizeof result, stream));
  check(runtime.synchronize(stream));
  CHECK(result == 0b1101);
  check(runtime.release(value));
  check(runtime.destroy_stream(stream));
}

TEST_CASE("tensor maps are checked and refused", "[simt][runtime]") {
  EmulatedRuntime runtime{Options{}};
  void* pointer = nullptr;
  check(runtime.allocate(pointer, 1024));
  TensorMapSpec spec;
  spec.address = pointer;
  spec.rank = 2;
  spec.extents[0] = 64;
  spec.extents[1] = 8;
  spec.pitches[0] = 128;
  spec.box[0] = 64;
  spec.box[1] = 4;
  TensorMap map{};
  const auto why = [&](const TensorMapSpec& wanted) {
    const DeviceStatus status = runtime.make_tensor_map(map, wanted);
    CHECK(status.code == DeviceCode::kInvalidArgument);
    return std::string(status.what);
  };
  CHECK(why(spec).find("no copy engine") != std::string::npos);
  const auto refused = [&](auto change) {
    TensorMapSpec changed = spec;
    change(changed);
    return !is_possible(changed) && why(changed).find("extent") != std::string::npos;
  };
  CHECK(is_possible(spec));
  CHECK(refused([](TensorMapSpec& s) { s.rank = 6; }));
  CHECK(refused([](TensorMapSpec& s) { s.rank = 0; }));
  CHECK(refused([](TensorMapSpec& s) { s.address = nullptr; }));
  CHECK(refused([](TensorMapSpec& s) { s.extents[1] = 0; }));
  CHECK(refused([](TensorMapSpec& s) { s.pitches[0] = 136; }));
  CHECK(refused([](TensorMapSpec& s) { s.box[0] = 257; }));
  CHECK(refused([](TensorMapSpec& s) { s.element_bytes = 3; }));
  CHECK(refused([](TensorMapSpec& s) { s.swizzle_bytes = 48; }));
  check(runtime.release(pointer));
}

TEST_CASE("a kernel that does something wrong loses the device", "[simt][runtime]") {
  for (const bool eager : {false, true}) {
    Options options;
    options.eager_streams = eager;
    EmulatedRuntime runtime(options);
    Stream stream = nullptr;
    check(runtime.create_stream(stream));
    const DeviceStatus launched = run_faulty(Fault::kSumShortSmem, {}, stream);
    CHECK(launched.code == (eager ? DeviceCode::kDeviceLost : DeviceCode::kOk));
    CHECK(runtime.synchronize(stream).code == DeviceCode::kDeviceLost);
    void* pointer = nullptr;
    const DeviceStatus later = runtime.allocate(pointer, 16);
    CHECK(later.code == DeviceCode::kDeviceLost);
    CHECK(later.what == runtime.last_report());
    CHECK(runtime.last_report().find("kernel sum") == 0);
  }
}

namespace {

// What an executor does, with everything given back at the end whatever fails.
class MiniSession {
 public:
  explicit MiniSession(EmulatedRuntime& runtime) : runtime_(runtime) {}
  ~MiniSession() {
    static_cast<void>(runtime_.destroy_stream(stream_));  // does what is left of its work
    static_cast<void>(runtime_.destroy_graph(graph_));
    static_cast<void>(runtime_.destroy_event(event_));
    static_cast<void>(runtime_.release(buffers_.device));
  }
  MiniSession(const MiniSession&) = delete;
  MiniSession& operator=(const MiniSession&) = delete;

  DeviceStatus run() {
    const std::function<DeviceStatus()> steps[] = {
        [&] { return runtime_.create_stream(stream_); },
        [&] { return runtime_.create_event(event_); },
        [&] { return runtime_.allocate(buffers_.device, Buffers::kBytes); },
        [&] { return runtime_.begin_capture(stream_); },
        [&] { return capture(); },
        [&] { return runtime_.launch_graph(graph_, stream_); },
        [&] { return runtime_.record(event_, stream_); },
        [&] { return runtime_.synchronize(event_); },
        [&] { return runtime_.synchronize(stream_); },
    };
    for (const auto& step : steps) {
      const DeviceStatus status = step();
      if (!status.ok()) return status;
    }
    return {};
  }

 private:
  // Ends the capture also where something in it failed.
  DeviceStatus capture() {
    const DeviceStatus copied =
        runtime_.copy_to_device(buffers_.device, buffers_.host.data(), Buffers::kBytes, stream_);
    const DeviceStatus ended = runtime_.end_capture(stream_, graph_);
    return copied.ok() ? ended : copied;
  }

  EmulatedRuntime& runtime_;
  Buffers buffers_;
  Stream stream_ = nullptr;
  Event event_ = nullptr;
  DeviceGraph graph_ = nullptr;
};

}  // namespace

TEST_CASE("any call may fail without a leak", "[simt][runtime]") {
  std::int64_t num_calls = 0, num_freeing = 4;
  {
    EmulatedRuntime runtime{Options{}};
    check(MiniSession(runtime).run());
    num_calls = runtime.num_calls();
  }
  REQUIRE(num_calls == 14);
  for (std::int64_t n = 1; n <= num_calls; ++n) {
    EmulatedRuntime runtime{Options{}};
    runtime.fail_call(n, DeviceCode::kFailed);
    const DeviceStatus status = MiniSession(runtime).run();
    INFO("call " << n << ": " << status.what);
    // A call that frees may fail without anybody hearing of it; its object stays.
    const bool freeing = n > num_calls - num_freeing;
    CHECK(status.ok() == freeing);
    CHECK(runtime.num_live_objects() == (freeing ? 1 : 0));
    check(MiniSession(runtime).run());  // the device still works
  }
  EmulatedRuntime runtime{Options{}};
  runtime.fail_call(3, DeviceCode::kDeviceLost);
  CHECK(MiniSession(runtime).run().code == DeviceCode::kDeviceLost);
  CHECK(MiniSession(runtime).run().code == DeviceCode::kDeviceLost);  // for good
}

// What tests of kernels run on, in the race build too.
TEST_CASE("there are four schedules or more, and they differ", "[simt][runtime]") {
  Options base;
  base.sm = 75;
  const std::vector<Options> all = simt::schedules(base);
  CHECK(all.size() >= 4);
  std::set<std::string> names;
  std::set<simt::Order> orders;
  std::set<bool> copies, streams;
  for (const Options& options : all) {
    CHECK(options.sm == 75);
    names.insert(to_string(options));
    orders.insert(options.order);
    copies.insert(options.eager_copies);
    streams.insert(options.eager_streams);
  }
  CHECK(names.size() == all.size());
  CHECK(orders.size() == 3);
  CHECK(copies.size() == 2);
  CHECK(streams.size() == 2);
}

}  // namespace nestor::test
