#include <algorithm>

#include "tests/ptx/machine/runtime/runtime.h"

namespace nestor::ptx {

namespace {

// Nodes in an order that their dependencies allow, which the seed chooses.
cudaError_t run_graph(const std::vector<Node>& nodes) {
  Runtime& r = runtime();
  std::vector<char> done(nodes.size(), 0);
  std::vector<std::size_t> ready;
  for (std::size_t count = 0; count < nodes.size(); ++count) {
    ready.clear();
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      if (done[i]) continue;
      if (std::all_of(nodes[i].after.begin(), nodes[i].after.end(),
                      [&](std::size_t n) { return done[n] != 0; })) {
        ready.push_back(i);
        if (ready.size() >= 8) break;
      }
    }
    const std::size_t node = ready[r.random() % ready.size()];
    const cudaError_t error = nodes[node].work();
    if (error != cudaSuccess) return error;
    done[node] = 1;
  }
  return cudaSuccess;
}

}  // namespace

}  // namespace nestor::ptx

using namespace nestor::ptx;

extern "C" {

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr) return report(cudaErrorInvalidResourceHandle);
  if (stream == &runtime().null_stream) return report(cudaErrorStreamCaptureUnsupported);
  if (stream->capture != nullptr) return report(cudaErrorIllegalState);
  auto* capture = new Capture;
  capture->origin = stream;
  capture->streams.insert(stream);
  stream->capture = capture;
  stream->last.clear();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  const Lock lock(runtime().mutex);
  *graph = nullptr;
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr) return report(cudaErrorInvalidResourceHandle);
  Capture* capture = stream->capture;
  if (capture == nullptr) return report(cudaErrorIllegalState);
  if (capture->origin != stream) return report(cudaErrorStreamCaptureUnmatched);
  // All that was captured must lie before where the origin is now.
  std::set<std::size_t> reached;
  std::vector<std::size_t> open(stream->last.begin(), stream->last.end());
  while (!open.empty()) {
    const std::size_t node = open.back();
    open.pop_back();
    if (!reached.insert(node).second) continue;
    for (const std::size_t n : capture->graph->nodes[node].after) open.push_back(n);
  }
  const bool joined = reached.size() == capture->graph->nodes.size();
  for (const cudaStream_t s : capture->streams) {
    if (runtime().streams.contains(s)) s->capture = nullptr, s->last.clear();
  }
  if (joined) *graph = capture->graph.release();
  // The capture itself stays: events may point to it.
  if (!joined) return report(cudaErrorStreamCaptureUnjoined);
  return report(runtime().sticky);
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const Lock lock(runtime().mutex);
  const cudaStream_t stream = stream_of(handle);
  if (stream == nullptr) return report(cudaErrorInvalidResourceHandle);
  *status =
      stream->capture != nullptr ? cudaStreamCaptureStatusActive : cudaStreamCaptureStatusNone;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long) {
  const Lock lock(runtime().mutex);
  if (runtime().sticky != cudaSuccess) return report(runtime().sticky);
  *exec = new CUgraphExec_st{graph->nodes};
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock(runtime().mutex);
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Lock lock(runtime().mutex);
  if (exec == nullptr) return report(cudaErrorInvalidValue);
  return enqueue(stream, [nodes = exec->nodes] { return run_graph(nodes); });
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const Lock lock(runtime().mutex);
  delete exec;
  return report(runtime().sticky);
}

}  // extern "C"
