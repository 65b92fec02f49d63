#pragma once
// One variant of a problem, ready to run.

#include <memory>
#include <string>
#include <vector>

#include "bench/ops_bench/problems.h"

namespace nestor::ops_bench {

// Names of the variants that the device has for the op and that can do the problem.
std::vector<std::string> variants_of(const Problem& problem, Backend& backend, int threads);

class Case {
 public:
  // Packs made-up weights and fills the inputs with noise. The problem must outlive the case.
  Case(const Problem& problem, const std::string& variant, const std::string& device, int threads);

  // Runs once. Returns milliseconds, on a GPU by its own clock.
  double time();

  // What a run must do: two a multiply-add, and inputs, constants and outputs, each once.
  double flops() const { return flops_; }
  double bytes() const { return bytes_; }

 private:
  void load();
  void* buffer(const Shape& shape, BufferFormat format);
  void fill(void* dst, std::size_t bytes, BufferFormat format);

  const Problem& problem_;
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<ExecutionContext> context_;
  StepChoice choice_;
  std::unique_ptr<StepKernel> kernels_[1];
  std::vector<std::shared_ptr<void>> memory_;
  double flops_ = 0, bytes_ = 0;
};

}  // namespace nestor::ops_bench
