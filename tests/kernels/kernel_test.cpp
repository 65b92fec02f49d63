#include "tests/kernels/kernel_test.h"

#include <catch2/catch.hpp>
#include <cstring>

#include "tests/support/random.h"

namespace nestor::test {

namespace {

std::uint16_t half_bits(float value) {
  const auto half = static_cast<_Float16>(value);
  std::uint16_t bits = 0;
  std::memcpy(&bits, &half, sizeof bits);
  return bits;
}

float from_half_bits(std::uint16_t bits) {
  _Float16 half;
  std::memcpy(&half, &bits, sizeof half);
  return static_cast<float>(half);
}

}  // namespace

Tensor Tensor::image(std::int64_t idx) const {
  Shape one = shape;
  one[0] = 1;
  const std::int64_t size = one.num_elements();
  return {one, {values.begin() + idx * size, values.begin() + (idx + 1) * size}};
}

Tensor random_tensor(const Shape& shape, std::uint64_t seed, DeviceDType dtype, float low,
                     float high) {
  const auto count = static_cast<std::size_t>(shape.num_elements());
  return {shape, loaded(stored(random_values(count, seed, low, high), dtype), dtype)};
}

Tensor oracle(const Op& op, const std::any& params, const std::vector<Tensor>& inputs) {
  const Node node{&op, params, {}, {}, "oracle"};
  std::vector<TensorDesc> descs;
  std::vector<TensorView> views;
  for (const Tensor& input : inputs) {
    views.push_back(input.view());
    descs.push_back(views.back().desc);
  }
  const std::vector<OutputDesc> outputs = op.infer(node, descs);
  Tensor result{outputs[0].desc.shape, {}};
  result.values.resize(static_cast<std::size_t>(result.shape.num_elements()));
  const MutableTensorView to{outputs[0].desc, result.values.data()};
  op.reference(node, views, {&to, 1});
  return result;
}

std::size_t element_bytes(DeviceDType dtype) { return dtype == DeviceDType::kFloat16 ? 2 : 4; }

Memory stored(const std::vector<float>& values, DeviceDType dtype) {
  Memory memory(values.size() * element_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (dtype == DeviceDType::kFloat16) {
      const std::uint16_t bits = half_bits(values[i]);
      std::memcpy(&memory[2 * i], &bits, 2);
    } else {
      std::memcpy(&memory[4 * i], &values[i], 4);
    }
  }
  return memory;
}

std::vector<float> loaded(const Memory& memory, DeviceDType dtype) {
  std::vector<float> values(memory.size() / element_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (dtype == DeviceDType::kFloat16) {
      std::uint16_t bits = 0;
      std::memcpy(&bits, &memory[2 * i], 2);
      values[i] = from_half_bits(bits);
    } else {
      std::memcpy(&values[i], &memory[4 * i], 4);
    }
  }
  return values;
}

Memory to_nhwc(const Tensor& tensor, DeviceDType dtype) {
  const Shape& s = tensor.shape;
  const std::int64_t pixels = s[2] * s[3];
  std::vector<float> values(padded_elements(s), 0.0F);
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (std::int64_t c = 0; c < s[1]; ++c) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        values[static_cast<std::size_t>((n * pixels + pixel) * padded(s[1]) + c)] =
            tensor.values[static_cast<std::size_t>((n * s[1] + c) * pixels + pixel)];
      }
    }
  }
  return stored(values, dtype);
}

Tensor from_nhwc(const Memory& memory, const Shape& s, DeviceDType dtype) {
  const std::vector<float> values = loaded(memory, dtype);
  REQUIRE(values.size() == padded_elements(s));
  const std::int64_t pixels = s[2] * s[3];
  Tensor result{s, std::vector<float>(static_cast<std::size_t>(s.num_elements()))};
  for (std::int64_t n = 0; n < s[0]; ++n) {
    for (std::int64_t c = 0; c < s[1]; ++c) {
      for (std::int64_t pixel = 0; pixel < pixels; ++pixel) {
        result.values[static_cast<std::size_t>((n * s[1] + c) * pixels + pixel)] =
            values[static_cast<std::size_t>((n * pixels + pixel) * padded(s[1]) + c)];
      }
    }
  }
  return result;
}

Memory unwritten(std::size_t num_elements, DeviceDType dtype) {
  return Memory(num_elements * element_bytes(dtype), 0xFF);
}

DType dtype_of(DeviceDType dtype) {
  return dtype == DeviceDType::kFloat16 ? DType::kFloat16 : DType::kFloat32;
}

void for_each_schedule(const std::function<void(Device&)>& test) {
  for (const DeviceUnderTest& one : devices_under_test()) {
    INFO(one.title);
    test(*one.open());
  }
}

std::vector<DeviceUnderTest> devices_with_tensor_cores(int sm) {
  return devices_under_test(sm, sm >= 80 ? kNewestSm : sm);
}

void on_a_device(const std::function<void(Device&)>& test) {
  const std::vector<DeviceUnderTest> devices = devices_under_test();
  REQUIRE(!devices.empty());
  test(*devices.front().open());
}

}  // namespace nestor::test
