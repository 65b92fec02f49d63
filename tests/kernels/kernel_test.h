#pragma once
// What tests of kernels share: tensors as an oracle and as a kernel see them, and the devices that
// kernels are tested on: the emulator in nestor_kernel_tests, the GPU at hand in
// nestor_device_kernel_tests.

#include <any>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "emulator/counters.h"
#include "engine/graph/graph.h"
#include "kernels/device/storage.h"
#include "nestor/tensor.h"
#include "tests/simt/support/device.h"
#include "tests/support/compare.h"

namespace nestor::test {

// A float32 tensor in plain layout.
struct Tensor {
  Shape shape;
  std::vector<float> values;

  TensorView view() const { return {{DType::kFloat32, shape}, values.data()}; }
  // Image `idx` alone.
  Tensor image(std::int64_t idx) const;
};

// Uniform in [low, high), as `dtype` stores it.
Tensor random_tensor(const Shape& shape, std::uint64_t seed, DeviceDType dtype, float low = -1,
                     float high = 1);

// What Op::reference says.
Tensor oracle(const Op& op, const std::any& params, const std::vector<Tensor>& inputs);

using Memory = std::vector<unsigned char>;

std::size_t element_bytes(DeviceDType dtype);
Memory stored(const std::vector<float>& values, DeviceDType dtype);
std::vector<float> loaded(const Memory& memory, DeviceDType dtype);
// [n, c, h, w] in NHWC with channels padded to a multiple of 8 by zeros, and back.
Memory to_nhwc(const Tensor& tensor, DeviceDType dtype);
Tensor from_nhwc(const Memory& memory, const Shape& shape, DeviceDType dtype);
// Elements that are all NaN, for a kernel to overwrite.
Memory unwritten(std::size_t num_elements, DeviceDType dtype);

inline std::int64_t padded(std::int64_t channels) { return (channels + 7) / 8 * 8; }
inline std::size_t padded_elements(const Shape& s) {
  return static_cast<std::size_t>(s[0] * padded(s[1]) * s[2] * s[3]);
}

DType dtype_of(DeviceDType dtype);
constexpr DeviceDType kDTypes[] = {DeviceDType::kFloat32, DeviceDType::kFloat16};

// A device, or the emulator in one of its schedules.
struct DeviceUnderTest {
  std::string title;  // "sm_70 reverse lazy"
  std::function<std::unique_ptr<Device>()> open;
};

inline constexpr int kOldestSm = 70, kNewestSm = 90;

// What runs kernels of architectures first_sm to last_sm: the emulator's schedules as first_sm, or
// the GPU at hand if it is one of these.
std::vector<DeviceUnderTest> devices_under_test(int first_sm = kOldestSm, int last_sm = kNewestSm);

// What runs kernels for the tensor cores of sm_70, sm_75, or sm_80 and newer.
std::vector<DeviceUnderTest> devices_with_tensor_cores(int sm);

// Runs the test on each of devices_under_test().
void for_each_schedule(const std::function<void(Device&)>& test);

// Runs `test` on the first of devices_under_test().
void on_a_device(const std::function<void(Device&)>& test);

// Counters of one run of `launch`, by the name of its only kernel, on the emulated architecture.
// A GPU counts nothing: tests that ask have the tag [counters].
simt::KernelCounters count(const std::function<void(Device&)>& run, const std::string& kernel,
                           int sm = kOldestSm);

}  // namespace nestor::test
