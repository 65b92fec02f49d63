#pragma once
// DeviceRuntime over the emulator.
//
// Work given to a stream is done when somebody waits for it (Options::eager_streams: at once), so
// that a missing wait shows. A kernel that does something wrong loses the device, as on a GPU, with
// a report as the status's text. Objects that are still there at the end are leaks, and counted.

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "emulator/counters.h"
#include "emulator/options.h"
#include "emulator/worker.h"
#include "kernels/runtime/runtime.h"

namespace nestor::simt {

class EmulatedRuntime final : public DeviceRuntime {
 public:
  explicit EmulatedRuntime(Options options = Options::from_environment());
  ~EmulatedRuntime() override;

  DeviceStatus properties(DeviceProperties& properties) override;
  DeviceStatus make_current() override;
  DeviceStatus free_memory(std::size_t& bytes) override;
  DeviceStatus allocate(void*& pointer, std::size_t num_bytes) override;
  DeviceStatus release(void* pointer) override;
  DeviceStatus allocate_pinned(void*& pointer, std::size_t num_bytes) override;
  DeviceStatus release_pinned(void* pointer) override;
  DeviceStatus create_stream(Stream& stream) override;
  DeviceStatus destroy_stream(Stream stream) override;
  DeviceStatus synchronize(Stream stream) override;
  DeviceStatus copy_to_device(void* device, const void* host, std::size_t num_bytes,
                              Stream stream) override;
  DeviceStatus copy_to_host(void* host, const void* device, std::size_t num_bytes,
                            Stream stream) override;
  DeviceStatus copy_on_device(void* target, const void* source, std::size_t num_bytes,
                              Stream stream) override;
  DeviceStatus fill(void* device, unsigned char value, std::size_t num_bytes,
                    Stream stream) override;
  DeviceStatus create_event(Event& event) override;
  DeviceStatus destroy_event(Event event) override;
  DeviceStatus record(Event event, Stream stream) override;
  DeviceStatus wait(Stream stream, Event event) override;
  DeviceStatus synchronize(Event event) override;
  DeviceStatus milliseconds(float& elapsed, Event begin, Event end) override;
  DeviceStatus begin_capture(Stream stream) override;
  DeviceStatus end_capture(Stream stream, DeviceGraph& graph) override;
  DeviceStatus launch_graph(DeviceGraph graph, Stream stream) override;
  DeviceStatus destroy_graph(DeviceGraph graph) override;
  DeviceStatus make_tensor_map(TensorMap& map, const TensorMapSpec& spec) override;
  void fail_call(std::int64_t calls_from_now, DeviceCode code) override;
  std::int64_t num_calls() const override;

  // launch() of kernels/device/launch.h.
  DeviceStatus launch(Launch launch, Stream stream);

  // --- for tests ---
  // Events tell a clock that only kernels move, each by the milliseconds that `duration` says; by
  // default they tell the time of day. Null: the default again.
  using Duration = std::function<float(const Launch&)>;
  void set_durations(Duration duration);
  const Options& options() const { return options_; }
  // By the name that launches gave.
  std::map<std::string, KernelCounters> counters() const;
  void reset_counters();
  // Allocations, streams, events and graphs that were made and not given back.
  std::int64_t num_live_objects() const;
  // Of all runtimes that are gone: objects that were still there at their ends.
  static std::int64_t num_leaked_objects();
  std::string last_report() const;  // of a kernel that did something wrong; "" if none did

  // Its work and captures; public for the handles that point to it.
  struct Capture;
  struct StreamState;
  using Operation = std::function<void()>;

 private:
  // Whether this call may go on: counts it, injects the armed fault, refuses on a lost device.
  DeviceStatus enter(const char* call, DeviceCode injected);
  DeviceStatus failure(DeviceCode code, const std::string& what);
  DeviceStatus after_work();
  DeviceStatus give(StreamState& stream, Operation operation, bool waits = false);
  void run_until(StreamState& stream, std::int64_t position);
  void run_next(StreamState& stream);
  void advance_another(const StreamState& stream);
  void run_launch(const Launch& launch);
  bool refuses_while_capturing();
  double now_ms() const;
  DeviceStatus check_range(const char* call, const void* pointer, std::size_t num_bytes);

  Options options_;
  mutable std::recursive_mutex mutex_;
  std::int64_t num_calls_ = 0, fail_at_ = 0;
  DeviceCode fail_code_ = DeviceCode::kFailed;
  bool lost_ = false;
  std::string report_;
  std::set<std::string> texts_;  // that statuses point to
  std::size_t allocated_bytes_ = 0;
  std::set<void*> allocations_, pinned_;
  std::set<Stream> streams_;
  std::set<Event> events_;
  std::set<DeviceGraph> graphs_;
  std::map<std::thread::id, int> captures_;  // open ones, by the thread that began them
  std::map<std::string, KernelCounters> counters_;
  Duration duration_;
  double elapsed_ms_ = 0;  // of the clock that kernels move
  std::minstd_rand random_;
};

}  // namespace nestor::simt
