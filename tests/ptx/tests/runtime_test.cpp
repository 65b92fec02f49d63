// The CUDA runtime's side: fat binaries, launches, streams, events, graphs, and what they refuse.
#include <cuda_runtime_api.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <string>
#include <vector>

extern "C" {
void** __cudaRegisterFatBinary(void* pointer);
void __cudaRegisterFunction(void** handle, const char* host, char* device, const char* name, int,
                            uint3*, uint3*, dim3*, dim3*, int*);
}

namespace nestor::ptx::test {
namespace {

const std::string kText = R"(.version 8.4
.target sm_70
.address_size 64
.visible .entry add_one(.param .u64 words, .param .u32 amount)
.maxntid 64, 1, 1
{
  .reg .b32 %r<4>;
  .reg .b64 %d<4>;
  ld.param.u64 %d0, [words];
  ld.param.u32 %r1, [amount];
  mov.u32 %r0, %tid.x;
  mul.wide.u32 %d1, %r0, 4;
  add.u64 %d0, %d0, %d1;
  ld.global.u32 %r2, [%d0];
  add.u32 %r2, %r2, %r1;
  st.global.u32 [%d0], %r2;
  ret;
}
)";

// The bytes that nvcc --no-compress makes of PTX: a header of 16 bytes, and one of 64 for each
// text.
const void* registered() {
  static const char host_function = 0;
  static std::vector<std::uint64_t> words;
  struct Wrapper {
    int magic, version;
    const void* data;
    void* unused;
  };
  static Wrapper wrapper{0x466243b1, 1, nullptr, nullptr};
  if (!words.empty()) return &host_function;
  std::string bytes(16 + 64, '\0');
  const auto put = [&](std::size_t at, auto value) {
    std::memcpy(&bytes[at], &value, sizeof value);
  };
  bytes += kText;
  bytes.resize((bytes.size() + 8) / 8 * 8);
  put(0, 0xba55ed50u);
  put(6, static_cast<unsigned short>(16));
  put(8, static_cast<std::uint64_t>(bytes.size() - 16));
  put(16, static_cast<unsigned short>(1));
  put(20, 64u);
  put(24, static_cast<std::uint64_t>(bytes.size() - 80));
  put(44, 70u);
  words.resize(bytes.size() / 8);
  std::memcpy(words.data(), bytes.data(), bytes.size());
  wrapper.data = words.data();
  void** module = __cudaRegisterFatBinary(&wrapper);
  __cudaRegisterFunction(module, &host_function, nullptr, "add_one", -1, nullptr, nullptr, nullptr,
                         nullptr, nullptr);
  return &host_function;
}

// 32 words of device memory, all 0.
struct Words {
  Words() {
    REQUIRE(cudaMalloc(&at, 128) == cudaSuccess);
    const std::vector<unsigned> zero(32, 0);
    REQUIRE(cudaMemcpy(at, zero.data(), 128, cudaMemcpyHostToDevice) == cudaSuccess);
  }
  ~Words() { cudaFree(at); }
  Words(const Words&) = delete;
  Words& operator=(const Words&) = delete;
  unsigned first() const {
    unsigned word = 0;
    CHECK(cudaMemcpy(&word, at, 4, cudaMemcpyDeviceToHost) == cudaSuccess);
    return word;
  }
  void* at = nullptr;
};

cudaError_t add(void* words, unsigned amount, cudaStream_t stream, unsigned threads = 32,
                std::size_t shared = 0) {
  void* arguments[] = {&words, &amount};
  return cudaLaunchKernel(registered(), dim3(1), dim3(threads), arguments, shared, stream);
}

struct Stream {
  Stream() { REQUIRE(cudaStreamCreateWithFlags(&is, cudaStreamNonBlocking) == cudaSuccess); }
  ~Stream() { cudaStreamDestroy(is); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  cudaStream_t is = nullptr;
};

struct Event {
  Event() { REQUIRE(cudaEventCreateWithFlags(&is, 0) == cudaSuccess); }
  ~Event() { cudaEventDestroy(is); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t is = nullptr;
};

}  // namespace

TEST_CASE("ptx: streams work when somebody waits for them", "[ptx]") {
  Words words;
  Stream stream;
  unsigned seen = 7;
  CHECK(add(words.at, 5, stream.is) == cudaSuccess);
  CHECK(cudaMemcpyAsync(&seen, words.at, 4, cudaMemcpyDeviceToHost, stream.is) == cudaSuccess);
  CHECK(seen == 7);
  CHECK(cudaStreamSynchronize(stream.is) == cudaSuccess);
  CHECK(seen == 5);
}

TEST_CASE("ptx: events order streams", "[ptx]") {
  Words words;
  Stream first, second;
  Event event;
  unsigned seen = 0;
  CHECK(add(words.at, 5, first.is) == cudaSuccess);
  CHECK(cudaEventRecord(event.is, first.is) == cudaSuccess);
  CHECK(cudaEventQuery(event.is) == cudaErrorNotReady);
  CHECK(cudaStreamWaitEvent(second.is, event.is, 0) == cudaSuccess);
  CHECK(cudaMemcpyAsync(&seen, words.at, 4, cudaMemcpyDeviceToHost, second.is) == cudaSuccess);
  CHECK(cudaStreamSynchronize(second.is) == cudaSuccess);
  CHECK(seen == 5);
  CHECK(cudaEventQuery(event.is) == cudaSuccess);
  cudaGetLastError();
}

TEST_CASE("ptx: graphs repeat what was captured", "[ptx]") {
  Words words;
  Stream stream, side;
  Event fork, join;
  CHECK(cudaStreamBeginCapture(stream.is, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(add(words.at, 1, stream.is) == cudaSuccess);
  CHECK(cudaEventRecord(fork.is, stream.is) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(side.is, fork.is, 0) == cudaSuccess);
  CHECK(add(words.at, 10, side.is) == cudaSuccess);
  CHECK(cudaEventRecord(join.is, side.is) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(stream.is, join.is, 0) == cudaSuccess);
  CHECK(add(words.at, 100, stream.is) == cudaSuccess);
  cudaGraph_t graph = nullptr;
  REQUIRE(cudaStreamEndCapture(stream.is, &graph) == cudaSuccess);
  CHECK(words.first() == 0);
  cudaGraphExec_t exec = nullptr;
  REQUIRE(cudaGraphInstantiateWithFlags(&exec, graph, 0) == cudaSuccess);
  for (int i = 0; i < 2; ++i) CHECK(cudaGraphLaunch(exec, stream.is) == cudaSuccess);
  CHECK(cudaStreamSynchronize(stream.is) == cudaSuccess);
  CHECK(words.first() == 222);
  cudaGraphExecDestroy(exec);
  cudaGraphDestroy(graph);
  // A stream that was forked and not joined.
  CHECK(cudaStreamBeginCapture(stream.is, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
  CHECK(cudaEventRecord(fork.is, stream.is) == cudaSuccess);
  CHECK(cudaStreamWaitEvent(side.is, fork.is, 0) == cudaSuccess);
  CHECK(add(words.at, 10, side.is) == cudaSuccess);
  CHECK(cudaStreamEndCapture(stream.is, &graph) == cudaErrorStreamCaptureUnjoined);
  cudaGetLastError();
}

TEST_CASE("ptx: launches that are refused", "[ptx]") {
  Words words;
  CHECK(add(words.at, 1, nullptr, 65) == cudaErrorInvalidConfiguration);  // .maxntid 64
  CHECK(add(words.at, 1, nullptr, 0) == cudaErrorInvalidConfiguration);
  CHECK(add(words.at, 1, nullptr, 32, 48 * 1024 + 1) == cudaErrorInvalidValue);
  CHECK(cudaFuncSetAttribute(registered(), cudaFuncAttributeMaxDynamicSharedMemorySize, 1 << 20) ==
        cudaErrorInvalidValue);
  const int unknown = 0;
  CHECK(cudaLaunchKernel(&unknown, dim3(1), dim3(1), nullptr, 0, nullptr) ==
        cudaErrorInvalidDeviceFunction);
  CHECK(cudaGetLastError() != cudaSuccess);
  CHECK(cudaGetLastError() == cudaSuccess);
}

TEST_CASE("ptx: copies that are refused", "[ptx]") {
  Words words;
  std::vector<char> host(256);
  CHECK(cudaMemcpy(host.data(), words.at, 129, cudaMemcpyDeviceToHost) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host.data(), words.at, 128, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemsetAsync(host.data(), 0, 16, nullptr) == cudaErrorInvalidValue);
  CHECK(cudaFree(static_cast<char*>(words.at) + 4) == cudaErrorInvalidValue);
  void* all = nullptr;
  CHECK(cudaMalloc(&all, std::size_t{1} << 60) == cudaErrorMemoryAllocation);
  cudaGetLastError();
}

}  // namespace nestor::ptx::test
