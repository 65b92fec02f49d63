// The part of the CUDA runtime that Nestor and nvcc's host stubs use, in the place of libcudart.
//
// Streams are lazy: work waits until somebody synchronises, which shows results that are read too
// early and host memory that is reused too early. Streams that are independent take turns as the
// seed decides; so do the nodes of a graph.
#pragma once

#include <cuda_runtime_api.h>

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tests/ptx/machine/machine.h"
#include "tests/ptx/machine/memory.h"
#include "tests/ptx/machine/options.h"

namespace nestor::ptx {

struct FatModule {
  std::vector<std::pair<int, std::string_view>> texts;  // sm and PTX
  std::unique_ptr<Module> module;
  bool tried = false;
};

struct Function {
  FatModule* module = nullptr;
  std::string name;
  int max_dynamic_shared = 48 * 1024;
};

struct Capture;

struct Moment;

// Work of a stream or a graph: a launch, a copy, a fill, a wait for an event or its recording.
struct Task {
  std::function<cudaError_t()> work;
  std::shared_ptr<Moment> waits_for, reaches;
};

// A point in a stream that an event stands for.
struct Moment {
  bool reached = false;
  std::chrono::steady_clock::time_point time;
  CUstream_st* stream = nullptr;
  // In a capture:
  Capture* capture = nullptr;
  std::set<std::size_t> nodes;
};

struct Node {
  std::function<cudaError_t()> work;
  std::set<std::size_t> after;
};

}  // namespace nestor::ptx

struct CUstream_st {
  std::deque<nestor::ptx::Task> tasks;
  nestor::ptx::Capture* capture = nullptr;
  std::set<std::size_t> last;  // nodes that the next one comes after
};
struct CUevent_st {
  std::shared_ptr<nestor::ptx::Moment> moment;
};
struct CUgraph_st {
  std::vector<nestor::ptx::Node> nodes;
};
struct CUgraphExec_st {
  std::vector<nestor::ptx::Node> nodes;
};

namespace nestor::ptx {

struct Capture {
  cudaStream_t origin = nullptr;
  std::unique_ptr<CUgraph_st> graph = std::make_unique<CUgraph_st>();
  std::set<cudaStream_t> streams;
};

struct Runtime {
  std::recursive_mutex mutex;
  std::unordered_map<const void*, Function> functions;
  std::set<cudaStream_t> streams;
  CUstream_st null_stream;
  std::map<void*, std::size_t> pinned;
  cudaError_t sticky = cudaSuccess;  // the device is lost
  std::mt19937_64 random{options().seed};

  Runtime() { streams.insert(&null_stream); }
  ~Runtime();

  // Runs one task of a stream if it can.
  bool step(cudaStream_t stream);
  // Runs tasks until `done`: of this stream most of the time, of others when they can.
  cudaError_t run_until(cudaStream_t wanted, const std::function<bool()>& done);
  cudaError_t drain();
  // PTX_COVERAGE=FILE: a line for each kernel that was launched: its name, how many of its
  // operations were executed, of how many, their lines of PTX, and the name as C++ writes it.
  void write_coverage(const char* file) const;
};

using Lock = std::lock_guard<std::recursive_mutex>;
Runtime& runtime();

// The error, which cudaGetLastError() gives from now on.
cudaError_t report(cudaError_t error);
extern thread_local cudaError_t last_error;

// Null if there is no such stream.
cudaStream_t stream_of(cudaStream_t stream);
cudaError_t enqueue(cudaStream_t stream, std::function<cudaError_t()> work);

// PTX_EDIT="KERNEL;NTH;FIND;REPLACEMENT" breaks PTX on purpose: the NTH line (0: every line) that
// contains FIND, of each kernel whose name contains KERNEL, gets REPLACEMENT in its place.
std::string edited(std::string text);

// The module for this machine; null if there is none.
Module* load(FatModule& fat);

struct Limits {
  const char* name;
  int multiprocessors, shared_optin, shared_multiprocessor, l2, registers, threads;
};
Limits limits();

}  // namespace nestor::ptx
