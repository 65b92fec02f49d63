// The list of devices.

#include "engine/ops/registry.h"

#include <algorithm>

#include "engine/backend.h"
#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cpu/describe_cpu.h"
#include "engine/backends/cuda/cuda_backend.h"
#include "engine/check.h"
#include "engine/variant_names.h"

namespace nestor {

namespace {

std::unique_ptr<Backend> open_best(std::string* why_not) {
  try {
    return open_cuda_backend("cuda");
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    if (why_not != nullptr) *why_not = error.what();
    return std::make_unique<CpuBackend>();
  }
}

std::string why_not_usable(std::span<const DeviceInfo> gpus) {
  if (gpus.empty()) return "no GPU was found";
  const auto usable = [](const DeviceInfo& gpu) { return gpu.why_unusable.empty(); };
  return std::ranges::any_of(gpus, usable) ? "" : gpus.front().why_unusable;
}

// "cuda:0" is of the kind "cuda".
bool is_kind(std::string_view device, std::string_view kind) {
  return device == kind || device.starts_with(std::string(kind) + ":");
}

template <class Variant>
std::vector<std::string> names_of(std::span<const Variant> variants) {
  std::vector<std::string> names;
  for (const Variant& variant : variants) names.emplace_back(variant.name);
  return names;
}

}  // namespace

DeviceList list_devices() {
  DeviceList list;
  try {
    list.devices = list_gpus("cuda");
    list.why_no_gpu = why_not_usable(list.devices);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kUnsupported) throw;
    list.why_no_gpu = error.what();
  }
  list.devices.push_back(cpu::describe_cpu());
  return list;
}

std::unique_ptr<Backend> open_backend(std::string_view device, std::string* why_not) {
  if (device == "auto") return open_best(why_not);
  if (device == "cpu") return std::make_unique<CpuBackend>();
  if (is_kind(device, "cuda") || is_kind(device, "simt")) return open_cuda_backend(device);
  fail(ErrorCode::kUnsupported,
       "no device is called '{}'; there are: auto, cpu, cuda, cuda:N, and for plans cuda:sm_NN",
       device);
}

std::vector<std::string> variant_names(const Op& op, const Backend& backend) {
  const AdmittedOp* const admitted = find_admitted(op);
  if (admitted == nullptr) return {};
  return backend.name() == "cpu" ? names_of(admitted->cpu()) : names_of(admitted->cuda().variants);
}

}  // namespace nestor
