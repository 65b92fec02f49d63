#include "tests/ptx/machine/runtime/runtime.h"

using namespace nestor::ptx;

extern "C" {

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  *event = new CUevent_st;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) { return cudaEventCreateWithFlags(event, 0); }

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  delete event;
  return report(runtime().sticky);
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t handle) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (r.sticky != cudaSuccess) return report(r.sticky);
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr || event == nullptr) return report(cudaErrorInvalidResourceHandle);
  event->moment = std::make_shared<Moment>();
  event->moment->stream = stream;
  if (stream->capture != nullptr) {
    event->moment->capture = stream->capture;
    event->moment->nodes = stream->last;
    return cudaSuccess;
  }
  stream->tasks.push_back({nullptr, nullptr, event->moment});
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (event == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (event->moment == nullptr) return report(r.sticky);
  const std::shared_ptr<Moment> moment = event->moment;
  if (moment->capture != nullptr) return report(cudaErrorCapturedEvent);
  return report(r.run_until(moment->stream, [&] { return moment->reached; }));
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  const Lock lock(runtime().mutex);
  if (event->moment == nullptr || event->moment->reached) return report(runtime().sticky);
  return report(cudaErrorNotReady);
}

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  if (begin == nullptr || end == nullptr || begin->moment == nullptr || end->moment == nullptr) {
    return report(cudaErrorInvalidResourceHandle);
  }
  if (!begin->moment->reached || !end->moment->reached) return report(cudaErrorNotReady);
  *milliseconds =
      std::chrono::duration<float, std::milli>(end->moment->time - begin->moment->time).count();
  return cudaSuccess;
}

}  // extern "C"
