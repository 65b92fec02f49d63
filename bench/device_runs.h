#pragma once
// How long a GPU itself takes for runs of a session: input and outputs stay in its memory.

#include <string>
#include <vector>

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/model.h"
#include "nestor/session.h"

namespace nestor {

class DeviceRuns {
 public:
  // `device`: "cuda:0". Copies the input to it and runs once. Both outlive this.
  DeviceRuns(const std::string& device, Session& session, const TensorView& input);

  // Milliseconds a run, by the device's events around `count` runs that follow one another.
  double ms(int count);

 private:
  void enqueue();

  Session& session_;
  std::unique_ptr<Backend> backend_;
  cuda::Runtime runtime_;
  cuda::OwnedStream stream_;
  cuda::OwnedEvent begin_, end_;
  TensorView input_;
  std::vector<cuda::Memory> memory_;
  std::vector<Session::DeviceBuffer> outputs_;
};

}  // namespace nestor
