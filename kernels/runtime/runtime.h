#pragma once
// What the engine asks of a GPU: a narrow class of functions. cuda_runtime.cu implements it over
// the CUDA runtime, tests/simt over the emulator, so the executor's logic is tested without a GPU.
//
// Nothing here throws: every function returns a status, and the engine makes the Error. Each call
// is counted, and a test can make the Nth one fail (fail_call), to see that whatever fails, nothing
// leaks or hangs. Plain C++ without CUDA headers.

#include <cstddef>
#include <cstdint>

namespace nestor {

enum class DeviceCode : std::int32_t {
  kOk,
  kNoDevice,         // no GPU, or no driver that fits
  kInvalidArgument,  // a call that makes no sense; nothing was done
  kOutOfMemory,      // the call did nothing, the device still works
  kFailed,           // the call failed, the device still works
  kDeviceLost,       // sticky: every later call fails as well
};

struct [[nodiscard]] DeviceStatus {
  DeviceCode code = DeviceCode::kOk;
  const char* what = "";  // lives as long as the runtime

  bool ok() const { return code == DeviceCode::kOk; }
};

// Handles of the runtime that made them; copies of a handle are the same object.
using Stream = struct StreamHandle*;
using Event = struct EventHandle*;
using DeviceGraph = struct DeviceGraphHandle*;  // ready to be launched

struct DeviceProperties {
  char name[256] = "";
  int sm = 0;  // compute capability times 10
  int num_multiprocessors = 0;
  int shared_bytes_per_block = 0;  // at most, with the opt-in
  int shared_bytes_per_multiprocessor = 0;
  int clock_khz = 0;
  int l2_bytes = 0;
  std::size_t memory_bytes = 0;
};

// A tensor in device memory as the copy engine of sm_90 and newer addresses it; the dimension whose
// elements lie side by side comes first.
struct TensorMapSpec {
  static constexpr int kMaxRank = 5;

  void* address = nullptr;  // aligned to 16 bytes
  int element_bytes = 2;    // 2: float16, 4: float32
  int rank = 0;
  std::uint64_t extents[kMaxRank] = {};      // elements
  std::uint64_t pitches[kMaxRank - 1] = {};  // bytes from one to the next, of dimension 1 and on
  std::uint32_t box[kMaxRank] = {};          // elements that one copy takes
  int swizzle_bytes = 0;                     // of rows in shared memory: 0, 32, 64 or 128
};

constexpr bool is_possible(const TensorMapSpec& spec) {
  if (spec.address == nullptr || spec.rank < 1 || spec.rank > TensorMapSpec::kMaxRank ||
      (spec.element_bytes != 2 && spec.element_bytes != 4) ||
      (spec.swizzle_bytes != 0 && spec.swizzle_bytes != 32 && spec.swizzle_bytes != 64 &&
       spec.swizzle_bytes != 128)) {
    return false;
  }
  for (int i = 0; i < spec.rank; ++i) {
    if (spec.extents[i] < 1 || spec.box[i] < 1 || spec.box[i] > 256) return false;
    if (i > 0 && (spec.pitches[i - 1] < 16 || spec.pitches[i - 1] % 16 != 0)) return false;
  }
  return true;
}

// What a kernel takes of it, by value within its arguments.
struct alignas(64) TensorMap {
  unsigned char bytes[128];
};

// One device. May be called from any thread, whose current device it may become; a stream is used
// by one thread at a time. Asynchronous functions say so; all others have done their work when they
// return.
class DeviceRuntime {
 public:
  virtual ~DeviceRuntime() = default;

  // Fails with kNoDevice if the library has no kernels for the device.
  virtual DeviceStatus properties(DeviceProperties& properties) = 0;
  // The device becomes the calling thread's current one, as launches of kernels want it.
  virtual DeviceStatus make_current() = 0;
  virtual DeviceStatus free_memory(std::size_t& bytes) = 0;

  // Device memory is aligned to 256 bytes and not initialised. Releasing null does nothing.
  virtual DeviceStatus allocate(void*& pointer, std::size_t num_bytes) = 0;
  virtual DeviceStatus release(void* pointer) = 0;
  // Host memory that asynchronous copies may use.
  virtual DeviceStatus allocate_pinned(void*& pointer, std::size_t num_bytes) = 0;
  virtual DeviceStatus release_pinned(void* pointer) = 0;

  virtual DeviceStatus create_stream(Stream& stream) = 0;
  virtual DeviceStatus destroy_stream(Stream stream) = 0;
  virtual DeviceStatus synchronize(Stream stream) = 0;

  // Asynchronous, in the stream's order. Host memory must stay as it is until the stream got there.
  virtual DeviceStatus copy_to_device(void* device, const void* host, std::size_t num_bytes,
                                      Stream stream) = 0;
  virtual DeviceStatus copy_to_host(void* host, const void* device, std::size_t num_bytes,
                                    Stream stream) = 0;
  virtual DeviceStatus copy_on_device(void* target, const void* source, std::size_t num_bytes,
                                      Stream stream) = 0;
  virtual DeviceStatus fill(void* device, unsigned char value, std::size_t num_bytes,
                            Stream stream) = 0;

  // record and wait are asynchronous: `stream` goes on when the event's last record was reached.
  virtual DeviceStatus create_event(Event& event) = 0;
  virtual DeviceStatus destroy_event(Event event) = 0;
  virtual DeviceStatus record(Event event, Stream stream) = 0;
  virtual DeviceStatus wait(Stream stream, Event event) = 0;
  virtual DeviceStatus synchronize(Event event) = 0;
  virtual DeviceStatus milliseconds(float& elapsed, Event begin, Event end) = 0;

  // Between the two, what is given to the stream is recorded and not done. end_capture ends the
  // capture also when it fails; `graph` is then null.
  virtual DeviceStatus begin_capture(Stream stream) = 0;
  virtual DeviceStatus end_capture(Stream stream, DeviceGraph& graph) = 0;
  virtual DeviceStatus launch_graph(DeviceGraph graph, Stream stream) = 0;  // asynchronous
  virtual DeviceStatus destroy_graph(DeviceGraph graph) = 0;

  // For launchers of kernels that copy by tensor maps. Fails with kInvalidArgument for what the
  // device cannot address, and always in the emulator, which has no copy engine.
  virtual DeviceStatus make_tensor_map(TensorMap& map, const TensorMapSpec& spec) = 0;

  // Makes the call fail that is `calls_from_now` after this one (1: the next) as if the device had
  // said `code`; 0: none. Launches of kernels count too.
  virtual void fail_call(std::int64_t calls_from_now, DeviceCode code) = 0;
  virtual std::int64_t num_calls() const = 0;
};

}  // namespace nestor
