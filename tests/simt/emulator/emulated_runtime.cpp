#include "emulator/emulated_runtime.h"

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "kernels/device/launch.h"

namespace nestor {

using simt::EmulatedRuntime;

struct EmulatedRuntime::Capture {
  std::vector<Operation> operations;
  StreamState* origin = nullptr;
  std::set<StreamState*> streams;   // that take part
  std::set<StreamState*> unjoined;  // with work that the origin has not waited for
  std::thread::id thread;
  bool broken = false;
};

struct EmulatedRuntime::StreamState {
  struct Work {
    Operation operation;
    bool waits;  // for another stream
  };

  EmulatedRuntime* runtime = nullptr;
  std::deque<Work> queue;
  bool is_running = false;  // some of its work
  std::int64_t num_done = 0;
  std::shared_ptr<Capture> capture;

  std::int64_t num_given() const { return num_done + static_cast<std::int64_t>(queue.size()); }
};

struct StreamHandle {
  std::shared_ptr<EmulatedRuntime::StreamState> state;
};

// What of a stream's work was given when the event was recorded.
struct EventHandle {
  std::shared_ptr<EmulatedRuntime::StreamState> stream;
  std::int64_t position = 0;
  std::shared_ptr<EmulatedRuntime::Capture> capture;
  std::shared_ptr<double> reached_ms;  // negative: not yet
};

struct DeviceGraphHandle {
  std::vector<EmulatedRuntime::Operation> operations;
  std::shared_ptr<int> num_pending = std::make_shared<int>(0);  // launches that are not done
};

namespace simt {
namespace {

constexpr int kLargestGridY = 65535;

// Workers are kept: their stacks take a while to map.
class WorkerPool {
 public:
  static WorkerPool& get() {
    static auto* pool = new WorkerPool;
    return *pool;
  }
  std::unique_ptr<Worker> take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return std::make_unique<Worker>();
    std::unique_ptr<Worker> worker = std::move(idle_.back());
    idle_.pop_back();
    return worker;
  }
  void give_back(std::unique_ptr<Worker> worker) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(std::move(worker));
  }

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<Worker>> idle_;
};

// What is wrong with a launch, or nothing.
std::string invalid(const Launch& launch, int sm) {
  if (launch.num_threads <= 0 || launch.num_threads > kMaxThreads || launch.num_threads % 32 != 0) {
    return "a block of " + std::to_string(launch.num_threads) +
           " threads; a multiple of 32 up to 1024 is wanted";
  }
  const Index3& grid = launch.grid;
  if (grid.x == 0 || grid.y == 0 || grid.z == 0 || grid.x > 0x7fffffffu || grid.y > kLargestGridY ||
      grid.z > kLargestGridY) {
    return "a grid of " + std::to_string(grid.x) + "x" + std::to_string(grid.y) + "x" +
           std::to_string(grid.z);
  }
  const Index3& cluster = launch.cluster;
  if (cluster.x != 1 || cluster.y != 1 || cluster.z != 1) {
    return "a cluster of " + std::to_string(cluster.x) + "x" + std::to_string(cluster.y) + "x" +
           std::to_string(cluster.z) + " blocks; clusters are not emulated";
  }
  // Gaps between arrays come on top; the exact limit is checked when Smem is known.
  const int with_gaps = std::min(shared_limit(sm) + 8 * 1024, static_cast<int>(kMaxSharedBytes));
  if (launch.shared_bytes < 0 || launch.shared_bytes > with_gaps) {
    return std::to_string(launch.shared_bytes) + " bytes of shared memory, sm_" +
           std::to_string(sm) + " gives a block " + std::to_string(shared_limit(sm));
  }
  return {};
}

std::atomic<std::int64_t> leaked_objects = 0;

}  // namespace

std::int64_t EmulatedRuntime::num_leaked_objects() { return leaked_objects; }

EmulatedRuntime::EmulatedRuntime(Options options)
    : options_(options), random_(static_cast<std::minstd_rand::result_type>(options.seed)) {
  shared_limit(options.sm);  // throws for an architecture that there is not
}

EmulatedRuntime::~EmulatedRuntime() {
  leaked_objects += num_live_objects();
  for (DeviceGraph graph : graphs_) delete graph;
  for (Event event : events_) delete event;
  // Work that waits for another stream keeps its state.
  for (Stream stream : streams_) stream->state->queue.clear();
  for (Stream stream : streams_) delete stream;
  std::size_t num_bytes = 0;
  for (void* pointer : allocations_) DeviceMemory::get().release(pointer, num_bytes);
  for (void* pointer : pinned_) std::free(pointer);
}

// --- the frame of each call
// -------------------------------------------------------------------------

DeviceStatus EmulatedRuntime::failure(DeviceCode code, const std::string& what) {
  if (code == DeviceCode::kDeviceLost) {
    lost_ = true;
    if (report_.empty()) report_ = what;
  }
  return {code, texts_.insert(what).first->c_str()};
}

DeviceStatus EmulatedRuntime::enter(const char* call, DeviceCode injected) {
  if (++num_calls_ == fail_at_) {
    const DeviceCode code = fail_code_ == DeviceCode::kFailed ? injected : fail_code_;
    return failure(code, std::string("injected: ") + call);
  }
  if (lost_) return failure(DeviceCode::kDeviceLost, report_);
  return {};
}

#define ENTER_AS(call, injected)                        \
  const std::lock_guard lock(mutex_);                   \
  do {                                                  \
    const DeviceStatus entered = enter(call, injected); \
    if (!entered.ok()) return entered;                  \
  } while (false)
#define ENTER(call) ENTER_AS(call, DeviceCode::kFailed)

DeviceStatus EmulatedRuntime::after_work() {
  return lost_ ? failure(DeviceCode::kDeviceLost, report_) : DeviceStatus{};
}

void EmulatedRuntime::fail_call(std::int64_t calls_from_now, DeviceCode code) {
  const std::lock_guard lock(mutex_);
  fail_at_ = calls_from_now > 0 ? num_calls_ + calls_from_now : 0;
  fail_code_ = code;
}

std::int64_t EmulatedRuntime::num_calls() const {
  const std::lock_guard lock(mutex_);
  return num_calls_;
}

// Calls that a GPU refuses to the thread that captures; the capture is then broken.
bool EmulatedRuntime::refuses_while_capturing() {
  const auto found = captures_.find(std::this_thread::get_id());
  if (found == captures_.end() || found->second == 0) return false;
  for (Stream stream : streams_) {
    if (stream->state->capture != nullptr &&
        stream->state->capture->thread == std::this_thread::get_id()) {
      stream->state->capture->broken = true;
    }
  }
  return true;
}

DeviceStatus EmulatedRuntime::properties(DeviceProperties& properties) {
  ENTER("properties");
  properties = {};
  std::strncpy(properties.name, "emulated", sizeof properties.name - 1);
  properties.sm = options_.sm;
  properties.num_multiprocessors = 4;
  properties.shared_bytes_per_block = shared_limit(options_.sm);
  properties.shared_bytes_per_multiprocessor = shared_limit(options_.sm);
  properties.clock_khz = 1000000;
  properties.l2_bytes = 4 << 20;
  properties.memory_bytes = options_.memory_bytes;
  return {};
}

// --- memory
// -----------------------------------------------------------------------------------------

DeviceStatus EmulatedRuntime::make_current() {
  ENTER("make_current");
  return {};
}

DeviceStatus EmulatedRuntime::free_memory(std::size_t& bytes) {
  ENTER("free_memory");
  bytes = options_.memory_bytes - allocated_bytes_;
  return {};
}

DeviceStatus EmulatedRuntime::allocate(void*& pointer, std::size_t num_bytes) {
  pointer = nullptr;
  ENTER_AS("allocate", DeviceCode::kOutOfMemory);
  if (refuses_while_capturing()) {
    return failure(DeviceCode::kFailed, "allocate: not while this thread captures");
  }
  if (num_bytes == 0) return {};
  if (num_bytes > options_.memory_bytes - allocated_bytes_) {
    return failure(DeviceCode::kOutOfMemory, "allocate: the device is full");
  }
  pointer = DeviceMemory::get().allocate(num_bytes);
  if (pointer == nullptr) return failure(DeviceCode::kOutOfMemory, "allocate: the host is full");
  allocated_bytes_ += num_bytes;
  allocations_.insert(pointer);
  return {};
}

DeviceStatus EmulatedRuntime::release(void* pointer) {
  ENTER("release");
  if (refuses_while_capturing()) {
    return failure(DeviceCode::kFailed, "release: not while this thread captures");
  }
  if (pointer == nullptr) return {};
  if (allocations_.erase(pointer) == 0) {
    return failure(DeviceCode::kInvalidArgument, "release: not an allocation of this device");
  }
  for (Stream stream : streams_) run_until(*stream->state, stream->state->num_given());
  std::size_t num_bytes = 0;
  DeviceMemory::get().release(pointer, num_bytes);
  allocated_bytes_ -= num_bytes;
  return after_work();
}

DeviceStatus EmulatedRuntime::allocate_pinned(void*& pointer, std::size_t num_bytes) {
  pointer = nullptr;
  ENTER_AS("allocate_pinned", DeviceCode::kOutOfMemory);
  if (num_bytes == 0) return {};
  pointer = std::malloc(num_bytes);
  if (pointer == nullptr) {
    return failure(DeviceCode::kOutOfMemory, "allocate_pinned: the host is full");
  }
  std::memset(pointer, 0xff, num_bytes);
  pinned_.insert(pointer);
  return {};
}

DeviceStatus EmulatedRuntime::release_pinned(void* pointer) {
  ENTER("release_pinned");
  if (pointer == nullptr) return {};
  if (pinned_.erase(pointer) == 0) {
    return failure(DeviceCode::kInvalidArgument, "release_pinned: not pinned by this device");
  }
  for (Stream stream : streams_) run_until(*stream->state, stream->state->num_given());
  std::free(pointer);
  return after_work();
}

DeviceStatus EmulatedRuntime::check_range(const char* call, const void* pointer,
                                          std::size_t num_bytes) {
  if (num_bytes == 0 || DeviceMemory::get().contains(pointer, num_bytes)) return {};
  return failure(DeviceCode::kInvalidArgument,
                 std::string(call) + ": " + std::to_string(num_bytes) +
                     " bytes that are not within one allocation of the device");
}

// --- streams and their work
// -------------------------------------------------------------------------

DeviceStatus EmulatedRuntime::create_stream(Stream& stream) {
  stream = nullptr;
  ENTER("create_stream");
  stream = new StreamHandle{std::make_shared<StreamState>()};
  stream->state->runtime = this;
  streams_.insert(stream);
  return {};
}

DeviceStatus EmulatedRuntime::destroy_stream(Stream stream) {
  ENTER("destroy_stream");
  if (stream == nullptr) return {};
  if (streams_.erase(stream) == 0) {
    return failure(DeviceCode::kInvalidArgument, "destroy_stream: not a stream of this device");
  }
  run_until(*stream->state, stream->state->num_given());
  delete stream;
  return after_work();
}

// Does the stream's work up to a position. Work that waits for an event does the other stream's
// first.
void EmulatedRuntime::run_until(StreamState& stream, std::int64_t position) {
  while (stream.num_done < position && !stream.queue.empty()) {
    if (options_.order == Order::kRandom) advance_another(stream);
    if (stream.num_done < position && !stream.queue.empty()) run_next(stream);
  }
}

void EmulatedRuntime::run_next(StreamState& stream) {
  const Operation operation = std::move(stream.queue.front().operation);
  stream.queue.pop_front();
  ++stream.num_done;
  const bool before = std::exchange(stream.is_running, true);
  if (!lost_) operation();
  stream.is_running = before;
}

// Streams that nothing orders go on in any order: some of what another one could do comes first.
void EmulatedRuntime::advance_another(const StreamState& stream) {
  for (Stream other : streams_) {
    StreamState& state = *other->state;
    while (&state != &stream && !state.is_running && !state.queue.empty() &&
           !state.queue.front().waits && random_() % 2 == 0) {
      run_next(state);
    }
  }
}

DeviceStatus EmulatedRuntime::give(StreamState& stream, Operation operation, bool waits) {
  if (stream.capture != nullptr) {
    stream.capture->operations.push_back(std::move(operation));
    if (&stream != stream.capture->origin) stream.capture->unjoined.insert(&stream);
    return {};
  }
  stream.queue.push_back({std::move(operation), waits});
  if (!options_.eager_streams) return {};
  run_until(stream, stream.num_given());
  return after_work();
}

DeviceStatus EmulatedRuntime::synchronize(Stream stream) {
  ENTER("synchronize");
  if (stream->state->capture != nullptr) {
    stream->state->capture->broken = true;
    return failure(DeviceCode::kFailed, "synchronize: the stream is being captured");
  }
  run_until(*stream->state, stream->state->num_given());
  return after_work();
}

DeviceStatus EmulatedRuntime::copy_to_device(void* device, const void* host, std::size_t num_bytes,
                                             Stream stream) {
  ENTER("copy_to_device");
  const DeviceStatus range = check_range("copy_to_device", device, num_bytes);
  if (!range.ok()) return range;
  return give(*stream->state, [=] {
    std::memcpy(device, host, num_bytes);
    DeviceMemory::get().mark_initialised(device, num_bytes);
  });
}

DeviceStatus EmulatedRuntime::copy_to_host(void* host, const void* device, std::size_t num_bytes,
                                           Stream stream) {
  ENTER("copy_to_host");
  const DeviceStatus range = check_range("copy_to_host", device, num_bytes);
  if (!range.ok()) return range;
  return give(*stream->state, [=] { std::memcpy(host, device, num_bytes); });
}

DeviceStatus EmulatedRuntime::copy_on_device(void* target, const void* source,
                                             std::size_t num_bytes, Stream stream) {
  ENTER("copy_on_device");
  for (const void* pointer : {static_cast<const void*>(target), source}) {
    const DeviceStatus range = check_range("copy_on_device", pointer, num_bytes);
    if (!range.ok()) return range;
  }
  return give(*stream->state, [=] {
    std::memcpy(target, source, num_bytes);
    DeviceMemory::get().mark_initialised(target, num_bytes);
  });
}

DeviceStatus EmulatedRuntime::fill(void* device, unsigned char value, std::size_t num_bytes,
                                   Stream stream) {
  ENTER("fill");
  const DeviceStatus range = check_range("fill", device, num_bytes);
  if (!range.ok()) return range;
  return give(*stream->state, [=] {
    std::memset(device, value, num_bytes);
    DeviceMemory::get().mark_initialised(device, num_bytes);
  });
}

DeviceStatus EmulatedRuntime::make_tensor_map(TensorMap&, const TensorMapSpec& spec) {
  ENTER("make_tensor_map");
  return failure(DeviceCode::kInvalidArgument,
                 is_possible(spec) ? "make_tensor_map: the emulator has no copy engine"
                                   : "make_tensor_map: an extent is not possible");
}

// --- events
// -----------------------------------------------------------------------------------------

DeviceStatus EmulatedRuntime::create_event(Event& event) {
  event = nullptr;
  ENTER("create_event");
  event = new EventHandle;
  events_.insert(event);
  return {};
}

DeviceStatus EmulatedRuntime::destroy_event(Event event) {
  ENTER("destroy_event");
  if (event == nullptr) return {};
  if (events_.erase(event) == 0) {
    return failure(DeviceCode::kInvalidArgument, "destroy_event: not an event of this device");
  }
  delete event;
  return {};
}

DeviceStatus EmulatedRuntime::record(Event event, Stream stream) {
  ENTER("record");
  event->stream = stream->state;
  event->capture = stream->state->capture;
  event->reached_ms = std::make_shared<double>(-1);
  if (event->capture != nullptr) return {};
  const DeviceStatus status =
      give(*stream->state, [this, reached = event->reached_ms] { *reached = now_ms(); });
  event->position = stream->state->num_given();
  return status;
}

DeviceStatus EmulatedRuntime::wait(Stream stream, Event event) {
  ENTER("wait");
  if (event->stream == nullptr) return {};  // never recorded: nothing to wait for
  StreamState& waiting = *stream->state;
  if (event->capture != nullptr) {
    if (waiting.capture != nullptr && waiting.capture != event->capture) {
      return failure(DeviceCode::kInvalidArgument, "wait: the event is of another capture");
    }
    waiting.capture = event->capture;  // a stream joins by waiting
    waiting.capture->streams.insert(&waiting);
    // Operations are recorded in an order that satisfies all waits.
    if (&waiting == waiting.capture->origin) waiting.capture->unjoined.erase(event->stream.get());
    return {};
  }
  if (waiting.capture != nullptr) {
    return failure(DeviceCode::kInvalidArgument, "wait: the event was not recorded in the capture");
  }
  const auto run_other = [this, other = event->stream, position = event->position] {
    run_until(*other, position);
  };
  return give(waiting, run_other, /*waits=*/true);
}

DeviceStatus EmulatedRuntime::synchronize(Event event) {
  ENTER("synchronize");
  if (event->capture != nullptr) {
    return failure(DeviceCode::kInvalidArgument, "synchronize: the event is of a capture");
  }
  if (event->stream != nullptr) run_until(*event->stream, event->position);
  return after_work();
}

DeviceStatus EmulatedRuntime::milliseconds(float& elapsed, Event begin, Event end) {
  ENTER("milliseconds");
  const auto time = [](Event event) {
    return event->reached_ms == nullptr ? -1 : *event->reached_ms;
  };
  if (time(begin) < 0 || time(end) < 0) {
    return failure(DeviceCode::kInvalidArgument, "milliseconds: an event was not reached");
  }
  elapsed = static_cast<float>(time(end) - time(begin));
  return {};
}

double EmulatedRuntime::now_ms() const {
  if (duration_) return elapsed_ms_;
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double, std::milli>(now).count();
}

void EmulatedRuntime::set_durations(Duration duration) {
  const std::lock_guard lock(mutex_);
  duration_ = std::move(duration);
}

// --- graphs
// -----------------------------------------------------------------------------------------

DeviceStatus EmulatedRuntime::begin_capture(Stream stream) {
  ENTER("begin_capture");
  StreamState& state = *stream->state;
  if (state.capture != nullptr) {
    return failure(DeviceCode::kInvalidArgument, "begin_capture: the stream is being captured");
  }
  state.capture = std::make_shared<Capture>();
  state.capture->origin = &state;
  state.capture->streams.insert(&state);
  state.capture->thread = std::this_thread::get_id();
  ++captures_[state.capture->thread];
  return {};
}

DeviceStatus EmulatedRuntime::end_capture(Stream stream, DeviceGraph& graph) {
  graph = nullptr;
  const std::lock_guard lock(mutex_);
  // Ends the capture also where an injected fault or a lost device lets the call fail.
  const std::shared_ptr<Capture> capture = stream->state->capture;
  if (capture != nullptr && capture->origin == stream->state.get()) {
    for (StreamState* state : capture->streams) state->capture = nullptr;
    --captures_[capture->thread];
  }
  const DeviceStatus entered = enter("end_capture", DeviceCode::kFailed);
  if (!entered.ok()) return entered;
  if (capture == nullptr || capture->origin != stream->state.get()) {
    return failure(DeviceCode::kInvalidArgument, "end_capture: no capture began on this stream");
  }
  if (capture->broken) {
    return failure(DeviceCode::kFailed, "end_capture: a call that is not allowed broke it");
  }
  if (!capture->unjoined.empty()) {
    return failure(DeviceCode::kFailed, "end_capture: a stream with work was not joined");
  }
  graph = new DeviceGraphHandle{capture->operations};
  graphs_.insert(graph);
  return {};
}

DeviceStatus EmulatedRuntime::launch_graph(DeviceGraph graph, Stream stream) {
  ENTER("launch_graph");
  if (graphs_.count(graph) == 0) {
    return failure(DeviceCode::kInvalidArgument, "launch_graph: not a graph of this device");
  }
  ++*graph->num_pending;
  for (const Operation& operation : graph->operations) {
    const DeviceStatus status = give(*stream->state, operation);
    if (!status.ok()) return status;
  }
  return give(*stream->state, [pending = graph->num_pending] { --*pending; });
}

DeviceStatus EmulatedRuntime::destroy_graph(DeviceGraph graph) {
  ENTER("destroy_graph");
  if (graph == nullptr) return {};
  if (graphs_.erase(graph) == 0) {
    return failure(DeviceCode::kInvalidArgument, "destroy_graph: not a graph of this device");
  }
  if (*graph->num_pending > 0 && !lost_) {  // CUDA would allow it; whoever does it forgot to wait
    graphs_.insert(graph);
    return failure(DeviceCode::kInvalidArgument, "destroy_graph: a launch of it is not done");
  }
  delete graph;
  return {};
}

// --- kernels
// ----------------------------------------------------------------------------------------

DeviceStatus EmulatedRuntime::launch(Launch launch, Stream stream) {
  ENTER("launch");
  const std::string wrong = invalid(launch, options_.sm);
  if (!wrong.empty()) {
    return failure(DeviceCode::kInvalidArgument,
                   std::string("launch of ") + launch.name + ": " + wrong);
  }
  return give(*stream->state,
              [this, kept = std::make_shared<Launch>(std::move(launch))] { run_launch(*kept); });
}

void EmulatedRuntime::run_launch(const Launch& launch) {
  const std::uint64_t num_blocks =
      std::uint64_t{launch.grid.x} * launch.grid.y * std::uint64_t{launch.grid.z};
  const std::uint64_t wanted = kRaceBuild ? 1 : static_cast<std::uint64_t>(options_.num_workers);
  std::vector<std::unique_ptr<Worker>> workers(
      std::max<std::uint64_t>(1, std::min(wanted, num_blocks)));
  const DeviceMemory::Snapshot allocations = DeviceMemory::get().snapshot();
  for (auto& worker : workers) {
    worker = WorkerPool::get().take();
    worker->begin_launch(launch, options_, allocations);
  }
  std::atomic<std::uint64_t> next{0};
  std::atomic<bool> stop{false};
  const auto work = [&](Worker& worker) {
    for (std::uint64_t i = next++; i < num_blocks && !stop; i = next++) {
      const std::uint64_t block = options_.order == Order::kReverse ? num_blocks - 1 - i : i;
      if (!worker.run_block(static_cast<std::uint32_t>(block))) stop = true;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < workers.size(); ++i) {
    threads.emplace_back(work, std::ref(*workers[i]));
  }
  work(*workers[0]);
  for (std::thread& thread : threads) thread.join();

  if (duration_) elapsed_ms_ += static_cast<double>(duration_(launch));
  KernelCounters& counters = counters_[launch.name];
  ++counters.launches;
  for (auto& worker : workers) {
    counters.add(worker->counters());
    if (!worker->report().empty() && !lost_) {
      lost_ = true;
      report_ = worker->report();
    }
    WorkerPool::get().give_back(std::move(worker));
  }
  for (const Allocation& allocation : *allocations) {
    if (!lost_ && !gap_is_untouched(allocation)) {
      lost_ = true;
      report_ = std::string("kernel ") + launch.name +
                ": wrote out of bounds, behind the end of an " + "allocation of " +
                std::to_string(allocation.num_bytes) + " bytes";
    }
  }
}

std::map<std::string, KernelCounters> EmulatedRuntime::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

void EmulatedRuntime::reset_counters() {
  const std::lock_guard lock(mutex_);
  counters_.clear();
}

std::int64_t EmulatedRuntime::num_live_objects() const {
  const std::lock_guard lock(mutex_);
  return static_cast<std::int64_t>(allocations_.size() + pinned_.size() + streams_.size() +
                                   events_.size() + graphs_.size());
}

std::string EmulatedRuntime::last_report() const {
  const std::lock_guard lock(mutex_);
  return report_;
}

}  // namespace simt

namespace launch_internal {

DeviceStatus launch(void* kernel, Call call, const LaunchConfig& config, Stream stream,
                    const void* args, std::size_t args_bytes) {
  simt::Launch made;
  made.name = config.name;
  made.grid = {config.grid.x, config.grid.y, config.grid.z};
  made.cluster = {config.cluster.x, config.cluster.y, config.cluster.z};
  made.num_threads = config.num_threads;
  made.shared_bytes = config.shared_bytes;
  made.kernel = kernel;
  made.call = call;
  const auto* bytes = static_cast<const unsigned char*>(args);
  made.args.assign(bytes, bytes + args_bytes);
  return stream->state->runtime->launch(std::move(made), stream);
}

}  // namespace launch_internal
}  // namespace nestor
