#include "apps/python/device_arrays.h"

#include <algorithm>

#include "nestor/error.h"

namespace nestor::python {

namespace nb = nanobind;

namespace {

bool is_on_host(const InputArray& array) {
  return array.device_type() == nb::device::cpu::value ||
         array.device_type() == nb::device::cuda_host::value;
}

[[noreturn]] void refuse(const std::string& message) { throw Error(ErrorCode::kUsage, message); }

// Those of the names that are not outputs of the network itself.
std::vector<std::string> taps_among(const nb::dict& arrays, const Session& session,
                                    const TensorDesc& input) {
  const std::vector<TensorInfo> own = session.outputs(input);
  std::vector<std::string> taps;
  for (const auto& [key, array] : arrays) {
    const auto name = nb::cast<std::string>(key);
    if (std::ranges::find(own, name, &TensorInfo::name) == own.end()) taps.push_back(name);
  }
  return taps;
}

InputArray output_array(const nb::dict& arrays, const TensorInfo& output, std::string_view device) {
  const nb::str name(output.name.c_str());
  if (!arrays.contains(name)) refuse("outputs lack an array for " + output.name);
  // Of read-only arrays none is taken.
  const auto array = nb::cast<nb::ndarray<nb::c_contig>>(nb::object(arrays[name]), false);
  const InputArray read(array);
  require_device(read, device);
  const TensorDesc desc = view(read).desc;
  if (desc == output.desc) return read;
  refuse(output.name + ": the array is " + to_string(desc) + ", expected " +
         to_string(output.desc));
}

}  // namespace

void require_host(const InputArray& array) {
  if (is_on_host(array)) return;
  throw Error(ErrorCode::kUnsupported,
              "run() takes arrays in host memory; enqueue() takes those in device memory");
}

void require_device(const InputArray& array, std::string_view device) {
  if (device == "cpu") {
    throw Error(ErrorCode::kUnsupported,
                "enqueue() needs a GPU, and this model is on the CPU; run() works on both");
  }
  const std::string there = "cuda:" + std::to_string(array.device_id());
  if (is_on_host(array)) refuse("the array is in host memory, expected " + std::string(device));
  if (there != device) refuse("the array is on " + there + ", expected " + std::string(device));
}

DeviceOutputs::DeviceOutputs(const nb::dict& arrays, const Session& session,
                             const TensorDesc& input)
    : taps_(taps_among(arrays, session, input)) {
  for (const TensorInfo& output : session.outputs(input, taps_)) {
    const InputArray& array = arrays_.emplace_back(output_array(arrays, output, session.device()));
    buffers_.push_back({.data = const_cast<void*>(array.data()), .bytes = array.nbytes()});
  }
}

}  // namespace nestor::python
