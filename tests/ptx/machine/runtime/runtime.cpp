#include "tests/ptx/machine/runtime/runtime.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "tests/ptx/machine/memory.h"

namespace nestor::ptx {

Runtime& runtime() {
  static Runtime* made = [] {
    Runtime* r = new Runtime;
    std::atexit([] { delete &runtime(); });
    return r;
  }();
  return *made;
}

namespace {

// Lines of PTX whose operations were executed: "12-40 52-60".
std::string executed_lines(const Kernel& kernel) {
  std::string text;
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    if (kernel.covered[i] == 0) continue;
    const u32 begin = kernel.ops[i].line;
    while (i + 1 < kernel.ops.size() && kernel.covered[i + 1] != 0) ++i;
    text += std::to_string(begin) + "-" + std::to_string(kernel.ops[i].line) + " ";
  }
  return text;
}

}  // namespace

void Runtime::write_coverage(const char* file) const {
  std::FILE* out = std::fopen(file, "w");
  if (out == nullptr) return;
  for (const auto& [host, function] : functions) {
    const Module* module = function.module->module.get();
    const Kernel* kernel = module == nullptr ? nullptr : module->decoded(function.name);
    if (kernel == nullptr || kernel->covered.empty()) continue;
    const auto covered = std::count(kernel->covered.begin(), kernel->covered.end(), u8{1});
    std::fprintf(out, "%s\t%td\t%zu\t%s\t%s\n", kernel->name.c_str(), covered, kernel->ops.size(),
                 executed_lines(*kernel).c_str(), demangle(kernel->name).c_str());
  }
  std::fclose(out);
}

Runtime::~Runtime() {
  if (const char* file = std::getenv("PTX_COVERAGE")) write_coverage(file);
  if (!options().verbose) return;
  const Counts& c = counts();
  std::fprintf(stderr,
               "ptx machine: %llu launches, %llu blocks, %.3f G thread instructions in %.2f s "
               "(%.2f s of CPU): "
               "%.0f M/s a core; %llu blocks of memory left\n",
               static_cast<unsigned long long>(c.launches),
               static_cast<unsigned long long>(c.blocks),
               static_cast<double>(c.thread_instructions) * 1e-9, c.seconds, c.cpu_seconds,
               static_cast<double>(c.thread_instructions) * 1e-6 / std::max(c.cpu_seconds, 1e-9),
               static_cast<unsigned long long>(DeviceMemory::get().num_blocks()));
}

bool Runtime::step(cudaStream_t stream) {
  if (stream->tasks.empty()) return false;
  Task& task = stream->tasks.front();
  if (task.waits_for != nullptr && !task.waits_for->reached) return false;
  if (task.work && sticky == cudaSuccess) {
    const cudaError_t error = task.work();
    if (error != cudaSuccess) sticky = error;
  }
  if (task.reaches != nullptr) {
    task.reaches->reached = true;
    task.reaches->time = std::chrono::steady_clock::now();
  }
  stream->tasks.pop_front();
  return true;
}

cudaError_t Runtime::run_until(cudaStream_t wanted, const std::function<bool()>& done) {
  std::vector<cudaStream_t> order;
  while (!done()) {
    order.assign(streams.begin(), streams.end());
    std::shuffle(order.begin(), order.end(), random);
    if (wanted != nullptr && random() % 2 == 0) order.insert(order.begin(), wanted);
    bool any = false;
    for (const cudaStream_t stream : order) {
      if (step(stream)) {
        any = true;
        break;
      }
    }
    if (!any) {
      std::fprintf(stderr, "ptx machine: streams wait for one another\n");
      return sticky = cudaErrorLaunchFailure;
    }
  }
  return sticky;
}

cudaError_t Runtime::drain() {
  return run_until(nullptr, [&] {
    return std::all_of(streams.begin(), streams.end(),
                       [](cudaStream_t s) { return s->tasks.empty(); });
  });
}

}  // namespace nestor::ptx
