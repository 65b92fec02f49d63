// The kernels of segmenters against their oracles.
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <cmath>

#include "engine/ops/class_map/class_map.h"
#include "engine/ops/image_bias/image_bias.h"
#include "engine/ops/resize_bilinear/resize_bilinear.h"
#include "kernels/class_map/class_map.h"
#include "kernels/image_bias/image_bias.h"
#include "kernels/resize_bilinear/resize_bilinear.h"
#include "tests/kernels/kernel_test.h"

namespace nestor::test {
namespace {

// A map and the size to which it is resized.
struct Resize {
  Shape src;
  int p, q;
};

// Classes around a chunk and a byte; single rows and columns, and blocks of threads cut short.
const Resize kResizes[] = {
    {{1, 8, 1, 1}, 7, 5},   {{2, 11, 3, 5}, 17, 33}, {{1, 7, 5, 9}, 1, 1},
    {{1, 9, 1, 7}, 1, 20},  {{1, 1, 7, 1}, 13, 9},   {{2, 16, 6, 5}, 6, 5},
    {{1, 150, 2, 3}, 9, 8}, {{1, 17, 9, 8}, 4, 3},   {{1, 257, 2, 2}, 3, 3},
};

std::string title_of(const char* kernel, const Resize& resize) {
  return fmt::format("{} {} to {}x{}", kernel, resize.src.to_string(), resize.p, resize.q);
}

// What Op::reference says of a map's classes.
std::vector<std::int32_t> classes_by_oracle(const Tensor& src, const Resize& resize) {
  const Node node{&class_map_op(), ResizeBilinearParams{resize.p, resize.q}, {}, {}, "classes"};
  const TensorView view = src.view();
  const TensorDesc desc = class_map_op().infer(node, {&view.desc, 1})[0].desc;
  std::vector<std::int32_t> classes(static_cast<std::size_t>(desc.shape.num_elements()));
  const MutableTensorView output{desc, classes.data()};
  class_map_op().reference(node, {&view, 1}, {&output, 1});
  if (desc.dtype == DType::kInt32) return classes;
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(classes.data());
  return {bytes, bytes + classes.size()};
}

// Of one pixel's classes all but class 0 are alike, also where numbers take four bytes.
void test_equal_scores(Device& device, DeviceDType dtype, int num_classes) {
  const auto count = static_cast<std::size_t>(num_classes);
  Tensor src{{1, num_classes, 1, 1}, std::vector<float>(count, 0.5F)};
  src.values[0] = 0;
  const Memory first = num_classes <= 256 ? Memory{1} : Memory{1, 0, 0, 0};
  Memory expected;
  for (int i = 0; i < 2 * 3; ++i) expected.insert(expected.end(), first.begin(), first.end());
  const Array<unsigned char> from(device, to_nhwc(src, dtype));
  const Array<unsigned char> to(device, Memory(expected.size(), 0xFF));
  check(class_map({dtype, from.data(), to.data(), 1, 1, 1, 2, 3, num_classes,
                   static_cast<int>(padded(num_classes))},
                  device.stream()));
  INFO(num_classes << " classes");
  CHECK(to.values() == expected);
}

}  // namespace

TEST_CASE("resize_bilinear kernel", "[simt][resize_bilinear]") {
  for (const DeviceDType dtype : kDTypes) {
    for (const Resize& resize : kResizes) {
      const Tensor src = random_tensor(resize.src, 1, dtype);
      const Tensor expected =
          oracle(resize_bilinear_op(), ResizeBilinearParams{resize.p, resize.q}, {src});
      for_each_schedule([&](Device& device) {
        const Array<unsigned char> from(device, to_nhwc(src, dtype));
        const Array<unsigned char> to(device, unwritten(padded_elements(expected.shape), dtype));
        check(resize_bilinear({dtype, from.data(), to.data(), static_cast<int>(resize.src[0]),
                               static_cast<int>(resize.src[2]), static_cast<int>(resize.src[3]),
                               resize.p, resize.q, static_cast<int>(padded(resize.src[1]))},
                              device.stream()));
        const Tensor got = from_nhwc(to.values(), expected.shape, dtype);
        if (dtype == DeviceDType::kFloat32) {
          INFO(title_of("resize_bilinear", resize));
          CHECK(got.values == expected.values);  // to the bit
        } else {
          CHECK(mismatch(got.values, expected.values, expected.shape, tolerance(dtype_of(dtype)),
                         title_of("resize_bilinear", resize)) == "");
        }
      });
    }
  }
  CHECK(resize_bilinear({.c = 12}, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("class_map kernel", "[simt][class_map]") {
  for (const DeviceDType dtype : kDTypes) {
    for (const Resize& resize : kResizes) {
      const Tensor src = random_tensor(resize.src, 1, dtype, -1, -0.25F);  // padding would win
      const std::vector<std::int32_t> expected = classes_by_oracle(src, resize);
      const bool bytes = resize.src[1] <= 256;
      for_each_schedule([&](Device& device) {
        const Array<unsigned char> from(device, to_nhwc(src, dtype));
        const Array<unsigned char> to(device, Memory(expected.size() * (bytes ? 1 : 4), 0xFF));
        check(class_map(
            {dtype, from.data(), to.data(), static_cast<int>(resize.src[0]),
             static_cast<int>(resize.src[2]), static_cast<int>(resize.src[3]), resize.p, resize.q,
             static_cast<int>(resize.src[1]), static_cast<int>(padded(resize.src[1]))},
            device.stream()));
        const Memory got = to.values();
        std::vector<std::int32_t> classes(got.begin(), got.end());
        if (!bytes) {
          const auto* const numbers = reinterpret_cast<const std::int32_t*>(got.data());
          classes.assign(numbers, numbers + expected.size());
        }
        INFO(title_of("class_map", resize));
        CHECK(classes == expected);
      });
    }
  }
  CHECK(class_map({.num_classes = 9, .c = 8}, nullptr).code == DeviceCode::kInvalidArgument);
}

TEST_CASE("class_map kernel: the first of equal scores wins", "[simt][class_map]") {
  on_a_device([&](Device& device) {
    for (const DeviceDType dtype : kDTypes) {
      for (const int num_classes : {17, 257}) test_equal_scores(device, dtype, num_classes);
    }
  });
}

TEST_CASE("class_map kernel: pixels whose scores are no numbers have the first class",
          "[simt][class_map]") {
  on_a_device([&](Device& device) {
    const Tensor src{{1, 9, 1, 1}, std::vector<float>(9, std::nanf(""))};
    const Array<unsigned char> from(device, to_nhwc(src, DeviceDType::kFloat32));
    const Array<unsigned char> to(device, Memory(6, 0xFF));
    check(class_map({DeviceDType::kFloat32, from.data(), to.data(), 1, 1, 1, 2, 3, 9, 16},
                    device.stream()));
    CHECK(to.values() == Memory(6, 0));
  });
}

TEST_CASE("image_bias kernel", "[simt][image_bias]") {
  for (const DeviceDType dtype : kDTypes) {
    for (const Shape& shape :
         {Shape{1, 8, 1, 1}, Shape{2, 48, 15, 17}, Shape{3, 256, 2, 3}, Shape{2, 8, 257, 1}}) {
      const Tensor src = random_tensor(shape, 1, dtype);
      const Tensor bias = random_tensor({shape[0], shape[1], 1, 1}, 2, dtype);
      const Tensor expected = oracle(image_bias_op(), {}, {src, bias});
      for_each_schedule([&](Device& device) {
        const Array<unsigned char> from(device, to_nhwc(src, dtype));
        const Array<unsigned char> biases(device, to_nhwc(bias, dtype));
        const Array<unsigned char> to(device, unwritten(padded_elements(shape), dtype));
        check(image_bias({dtype, from.data(), biases.data(), to.data(), static_cast<int>(shape[0]),
                          static_cast<int>(shape[2] * shape[3]), static_cast<int>(shape[1])},
                         device.stream()));
        const Tensor got = from_nhwc(to.values(), shape, dtype);
        CHECK(mismatch(got.values, expected.values, shape, tolerance(dtype_of(dtype)),
                       "image_bias " + shape.to_string()) == "");
      });
    }
  }
  CHECK(image_bias({.n = 1, .pixels = 4, .c = 12}, nullptr).code == DeviceCode::kInvalidArgument);
}

}  // namespace nestor::test
