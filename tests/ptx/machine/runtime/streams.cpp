#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

cudaStream_t stream_of(cudaStream_t stream) {
  Runtime& r = runtime();
  if (stream == nullptr || stream == cudaStreamLegacy || stream == cudaStreamPerThread)
    return &r.null_stream;
  return r.streams.contains(stream) ? stream : nullptr;
}

cudaError_t enqueue(cudaStream_t handle, std::function<cudaError_t()> work) {
  Runtime& r = runtime();
  if (r.sticky != cudaSuccess) return report(r.sticky);
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (stream->capture != nullptr) {
    std::vector<Node>& nodes = stream->capture->graph->nodes;
    nodes.push_back({std::move(work), stream->last});
    stream->last = {nodes.size() - 1};
    return cudaSuccess;
  }
  stream->tasks.push_back({std::move(work), nullptr, nullptr});
  return cudaSuccess;
}

}  // namespace nestor::ptx

using namespace nestor::ptx;

extern "C" {

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  *stream = new CUstream_st;
  runtime().streams.insert(*stream);
  return cudaSuccess;
}

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (!r.streams.contains(stream) || stream == &r.null_stream)
    return report(cudaErrorInvalidResourceHandle);
  // Its work is still done.
  const cudaError_t error = r.run_until(stream, [&] { return stream->tasks.empty(); });
  r.streams.erase(stream);
  delete stream;
  return report(error);
}

cudaError_t cudaStreamSynchronize(cudaStream_t handle) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (stream->capture != nullptr) return report(cudaErrorStreamCaptureUnsupported);
  return report(r.run_until(stream, [&] { return stream->tasks.empty(); }));
}

cudaError_t cudaStreamWaitEvent(cudaStream_t handle, cudaEvent_t event, unsigned) {
  const Lock lock(runtime().mutex);
  Runtime& r = runtime();
  if (r.sticky != cudaSuccess) return report(r.sticky);
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr || event == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (event->moment == nullptr) return cudaSuccess;  // never recorded
  if (event->moment->capture != nullptr) {
    Capture* capture = event->moment->capture;
    if (stream->capture != nullptr && stream->capture != capture)
      return report(cudaErrorStreamCaptureMerge);
    if (stream->capture == nullptr) {  // it joins
      stream->capture = capture;
      stream->last.clear();
      capture->streams.insert(stream);
    }
    stream->last.insert(event->moment->nodes.begin(), event->moment->nodes.end());
    return cudaSuccess;
  }
  if (stream->capture != nullptr) return report(cudaErrorStreamCaptureIsolation);
  stream->tasks.push_back({nullptr, event->moment, nullptr});
  return cudaSuccess;
}

}  // extern "C"
