// DeviceRuntime over the CUDA runtime, and launch() for GPUs.
#include <cuda.h>
#include <cuda_runtime.h>

#include <atomic>
#include <cstring>
#include <new>

#include "kernels/device/launch.h"
#include "kernels/runtime/library.h"

namespace nestor {
namespace {

// Counts the calls of this process, and lets one fail.
class Faults {
 public:
  void arm(std::int64_t calls_from_now, DeviceCode code) {
    code_ = code;
    fail_at_ = calls_from_now > 0 ? num_calls_ + calls_from_now : 0;
  }
  bool hit() { return ++num_calls_ == fail_at_; }
  DeviceCode code() const { return code_; }
  std::int64_t num_calls() const { return num_calls_; }

 private:
  std::atomic<std::int64_t> num_calls_{0};
  std::atomic<std::int64_t> fail_at_{0};
  std::atomic<DeviceCode> code_{DeviceCode::kFailed};
};

Faults faults;

DeviceCode code_of(cudaError_t error) {
  switch (error) {
    case cudaSuccess: return DeviceCode::kOk;
    case cudaErrorMemoryAllocation: return DeviceCode::kOutOfMemory;
    case cudaErrorNoDevice:
    case cudaErrorInvalidDevice:
    case cudaErrorDevicesUnavailable:
    case cudaErrorInitializationError:
    case cudaErrorInsufficientDriver:
    case cudaErrorStubLibrary:
    case cudaErrorSystemNotReady:
    case cudaErrorSystemDriverMismatch:
    case cudaErrorCompatNotSupportedOnDevice: return DeviceCode::kNoDevice;
    case cudaErrorInvalidValue:
    case cudaErrorInvalidConfiguration:
    case cudaErrorInvalidDeviceFunction:
    case cudaErrorInvalidResourceHandle:
    case cudaErrorNoKernelImageForDevice: return DeviceCode::kInvalidArgument;
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorIllegalInstruction:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorHardwareStackError:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorUnknown:
    case cudaErrorContextIsDestroyed: return DeviceCode::kDeviceLost;
    default: return DeviceCode::kFailed;
  }
}

DeviceStatus status_of(cudaError_t error) {
  if (error == cudaSuccess) {
    return {};
  }
  static_cast<void>(cudaGetLastError());  // or the next call would report this one again
  return {code_of(error), cudaGetErrorString(error)};
}

// Every call of the CUDA runtime goes through here.
#define CUDA_TRY(expression)                                            \
  do {                                                                  \
    if (faults.hit()) return {faults.code(), "injected: " #expression}; \
    const cudaError_t error_ = (expression);                            \
    if (error_ != cudaSuccess) return status_of(error_);                \
  } while (false)

cudaStream_t cuda(Stream stream) { return reinterpret_cast<cudaStream_t>(stream); }
cudaEvent_t cuda(Event event) { return reinterpret_cast<cudaEvent_t>(event); }
cudaGraphExec_t cuda(DeviceGraph graph) { return reinterpret_cast<cudaGraphExec_t>(graph); }

CUtensorMapSwizzle swizzle_of(int bytes) {
  switch (bytes) {
    case 32: return CU_TENSOR_MAP_SWIZZLE_32B;
    case 64: return CU_TENSOR_MAP_SWIZZLE_64B;
    case 128: return CU_TENSOR_MAP_SWIZZLE_128B;
    default: return CU_TENSOR_MAP_SWIZZLE_NONE;
  }
}

// A launch of it would fail if the library was compiled for other architectures.
__global__ void probe_kernel() {}

class CudaRuntime final : public DeviceRuntime {
 public:
  explicit CudaRuntime(int device) : device_(device) {}

  DeviceStatus properties(DeviceProperties& properties) override {
    cudaDeviceProp found;
    CUDA_TRY(cudaGetDeviceProperties(&found, device_));
    static_assert(sizeof properties.name == sizeof found.name, "names are copied whole");
    std::memcpy(properties.name, found.name, sizeof properties.name);
    properties.sm = 10 * found.major + found.minor;
    properties.num_multiprocessors = found.multiProcessorCount;
    properties.shared_bytes_per_block = static_cast<int>(found.sharedMemPerBlockOptin);
    properties.shared_bytes_per_multiprocessor = static_cast<int>(found.sharedMemPerMultiprocessor);
    properties.clock_khz = 0;  // CUDA 13 has it no more as a property
    CUDA_TRY(cudaDeviceGetAttribute(&properties.clock_khz, cudaDevAttrClockRate, device_));
    properties.l2_bytes = found.l2CacheSize;
    properties.memory_bytes = found.totalGlobalMem;
    return require_kernels();
  }

  DeviceStatus make_current() override {
    CUDA_TRY(cudaSetDevice(device_));
    return {};
  }

  DeviceStatus free_memory(std::size_t& bytes) override {
    std::size_t total = 0;
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaMemGetInfo(&bytes, &total));
    return {};
  }

  DeviceStatus allocate(void*& pointer, std::size_t num_bytes) override {
    pointer = nullptr;
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaMalloc(&pointer, num_bytes));
    return {};
  }

  DeviceStatus release(void* pointer) override {
    CUDA_TRY(cudaFree(pointer));
    return {};
  }

  DeviceStatus allocate_pinned(void*& pointer, std::size_t num_bytes) override {
    pointer = nullptr;
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaHostAlloc(&pointer, num_bytes, cudaHostAllocPortable));
    return {};
  }

  DeviceStatus release_pinned(void* pointer) override {
    CUDA_TRY(cudaFreeHost(pointer));
    return {};
  }

  DeviceStatus create_stream(Stream& stream) override {
    stream = nullptr;
    cudaStream_t made = nullptr;
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
    stream = reinterpret_cast<Stream>(made);
    return {};
  }

  DeviceStatus destroy_stream(Stream stream) override {
    if (stream == nullptr) return {};
    CUDA_TRY(cudaStreamDestroy(cuda(stream)));
    return {};
  }

  DeviceStatus synchronize(Stream stream) override {
    CUDA_TRY(cudaStreamSynchronize(cuda(stream)));
    return {};
  }

  DeviceStatus copy_to_device(void* device, const void* host, std::size_t num_bytes,
                              Stream stream) override {
    CUDA_TRY(cudaMemcpyAsync(device, host, num_bytes, cudaMemcpyHostToDevice, cuda(stream)));
    return {};
  }

  DeviceStatus copy_to_host(void* host, const void* device, std::size_t num_bytes,
                            Stream stream) override {
    CUDA_TRY(cudaMemcpyAsync(host, device, num_bytes, cudaMemcpyDeviceToHost, cuda(stream)));
    return {};
  }

  DeviceStatus copy_on_device(void* target, const void* source, std::size_t num_bytes,
                              Stream stream) override {
    CUDA_TRY(cudaMemcpyAsync(target, source, num_bytes, cudaMemcpyDeviceToDevice, cuda(stream)));
    return {};
  }

  DeviceStatus fill(void* device, unsigned char value, std::size_t num_bytes,
                    Stream stream) override {
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaMemsetAsync(device, value, num_bytes, cuda(stream)));
    return {};
  }

  DeviceStatus create_event(Event& event) override {
    event = nullptr;
    cudaEvent_t made = nullptr;
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaEventCreate(&made));
    event = reinterpret_cast<Event>(made);
    return {};
  }

  DeviceStatus destroy_event(Event event) override {
    if (event == nullptr) return {};
    CUDA_TRY(cudaEventDestroy(cuda(event)));
    return {};
  }

  DeviceStatus record(Event event, Stream stream) override {
    CUDA_TRY(cudaEventRecord(cuda(event), cuda(stream)));
    return {};
  }

  DeviceStatus wait(Stream stream, Event event) override {
    CUDA_TRY(cudaStreamWaitEvent(cuda(stream), cuda(event), 0));
    return {};
  }

  DeviceStatus synchronize(Event event) override {
    CUDA_TRY(cudaEventSynchronize(cuda(event)));
    return {};
  }

  DeviceStatus milliseconds(float& elapsed, Event begin, Event end) override {
    CUDA_TRY(cudaEventElapsedTime(&elapsed, cuda(begin), cuda(end)));
    return {};
  }

  DeviceStatus begin_capture(Stream stream) override {
    // Not ThreadLocal: the first use of a kernel loads it, which drivers before 12.3 may refuse
    // then.
    CUDA_TRY(cudaStreamBeginCapture(cuda(stream), cudaStreamCaptureModeRelaxed));
    return {};
  }

  DeviceStatus end_capture(Stream stream, DeviceGraph& graph) override {
    graph = nullptr;
    // Also when an injected fault stops us, the stream must not go on capturing.
    const bool injected = faults.hit();
    cudaGraph_t captured = nullptr;
    const cudaError_t error = cudaStreamEndCapture(cuda(stream), &captured);
    DeviceStatus status = status_of(error);
    if (status.ok() && injected) {
      status = {faults.code(), "injected: cudaStreamEndCapture"};
    }
    if (status.ok()) {
      status = instantiate(captured, graph);
    }
    if (captured != nullptr) {
      static_cast<void>(cudaGraphDestroy(captured));
    }
    return status;
  }

  DeviceStatus launch_graph(DeviceGraph graph, Stream stream) override {
    CUDA_TRY(cudaGraphLaunch(cuda(graph), cuda(stream)));
    return {};
  }

  DeviceStatus destroy_graph(DeviceGraph graph) override {
    if (graph == nullptr) return {};
    CUDA_TRY(cudaGraphExecDestroy(cuda(graph)));
    return {};
  }

  DeviceStatus make_tensor_map(TensorMap& map, const TensorMapSpec& spec) override {
    if (!is_possible(spec)) {
      return {DeviceCode::kInvalidArgument, "make_tensor_map: an extent is not possible"};
    }
    // From the driver, which nothing here is linked with.
    void* entry = nullptr;
    CUDA_TRY(cudaSetDevice(device_));
    CUDA_TRY(cudaGetDriverEntryPoint("cuTensorMapEncodeTiled", &entry, cudaEnableDefault));
    if (entry == nullptr) return {DeviceCode::kFailed, "the driver knows no tensor maps"};
    const cuuint32_t steps[TensorMapSpec::kMaxRank] = {1, 1, 1, 1, 1};
    cuuint64_t extents[TensorMapSpec::kMaxRank] = {}, pitches[TensorMapSpec::kMaxRank] = {};
    for (int i = 0; i < spec.rank; ++i) extents[i] = spec.extents[i];
    for (int i = 0; i + 1 < spec.rank; ++i) pitches[i] = spec.pitches[i];
    CUtensorMap made;
    const CUresult result = reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(entry)(
        &made,
        spec.element_bytes == 2 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16 : CU_TENSOR_MAP_DATA_TYPE_FLOAT32,
        static_cast<cuuint32_t>(spec.rank), spec.address, extents, pitches, spec.box, steps,
        CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle_of(spec.swizzle_bytes),
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
    if (result != CUDA_SUCCESS) {
      return {DeviceCode::kInvalidArgument, "make_tensor_map: the driver refuses it"};
    }
    static_assert(sizeof map == sizeof made && alignof(TensorMap) == alignof(CUtensorMap),
                  "a tensor map is copied whole");
    std::memcpy(&map, &made, sizeof map);
    return {};
  }

  void fail_call(std::int64_t calls_from_now, DeviceCode code) override {
    faults.arm(calls_from_now, code);
  }
  std::int64_t num_calls() const override { return faults.num_calls(); }

 private:
  DeviceStatus require_kernels() {
    CUDA_TRY(cudaSetDevice(device_));
    cudaFuncAttributes attributes;
    const cudaError_t error = cudaFuncGetAttributes(&attributes, probe_kernel);
    if (error == cudaErrorNoKernelImageForDevice || error == cudaErrorInvalidDeviceFunction) {
      static_cast<void>(cudaGetLastError());
      return {DeviceCode::kNoDevice,
              "the library has no kernels for a GPU of this compute capability"};
    }
    return status_of(error);
  }

  DeviceStatus instantiate(cudaGraph_t captured, DeviceGraph& graph) {
    cudaGraphExec_t made = nullptr;
    CUDA_TRY(cudaGraphInstantiateWithFlags(&made, captured, 0));
    graph = reinterpret_cast<DeviceGraph>(made);
    return {};
  }

  int device_;
};

}  // namespace

namespace launch_internal {

DeviceStatus launch(const void* kernel, const LaunchConfig& config, Stream stream, void* args) {
  constexpr int kWithoutOptIn = 48 * 1024;
  if (config.shared_bytes > kWithoutOptIn) {
    CUDA_TRY(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                  config.shared_bytes));
  }
  if (config.shared_carveout >= 0) {
    CUDA_TRY(cudaFuncSetAttribute(kernel, cudaFuncAttributePreferredSharedMemoryCarveout,
                                  config.shared_carveout));
  }
  cudaLaunchConfig_t cuda_config = {};
  cuda_config.gridDim = dim3(config.grid.x, config.grid.y, config.grid.z);
  cuda_config.blockDim = dim3(static_cast<unsigned>(config.num_threads));
  cuda_config.dynamicSmemBytes = static_cast<std::size_t>(config.shared_bytes);
  cuda_config.stream = cuda(stream);
  cudaLaunchAttribute attributes[2] = {};
  cuda_config.attrs = attributes;
  if (config.cluster.x * config.cluster.y * config.cluster.z > 1) {
    cudaLaunchAttribute& attribute = attributes[cuda_config.numAttrs++];
    attribute.id = cudaLaunchAttributeClusterDimension;
    attribute.val.clusterDim.x = config.cluster.x;
    attribute.val.clusterDim.y = config.cluster.y;
    attribute.val.clusterDim.z = config.cluster.z;
  }
  if (config.overlap) {
    cudaLaunchAttribute& attribute = attributes[cuda_config.numAttrs++];
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
  }
  void* arguments[] = {args};
  CUDA_TRY(cudaLaunchKernelExC(&cuda_config, kernel, arguments));
#ifndef NDEBUG
  cudaStreamCaptureStatus capturing = cudaStreamCaptureStatusNone;
  CUDA_TRY(cudaStreamIsCapturing(cuda(stream), &capturing));
  if (capturing == cudaStreamCaptureStatusNone) {
    CUDA_TRY(cudaStreamSynchronize(cuda(stream)));
  }
#endif
  return {};
}

}  // namespace launch_internal

#define TEXT_OF(number) #number
#define VERSION_TEXT(major, minor) TEXT_OF(major) "." TEXT_OF(minor)
const char* cuda_toolkit() { return VERSION_TEXT(__CUDACC_VER_MAJOR__, __CUDACC_VER_MINOR__); }

DeviceStatus count_cuda_devices(int& count) {
  count = 0;
  CUDA_TRY(cudaGetDeviceCount(&count));
  return {};
}

DeviceRuntime* make_cuda_runtime(int device) { return new (std::nothrow) CudaRuntime(device); }

}  // namespace nestor
