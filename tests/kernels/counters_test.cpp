// Bank conflicts and global sectors of the kernels at layers of ResNeSt-50. [counters] checks them,
// [.table] prints them as Markdown:  nestor_kernel_tests '[.table]'
#include <fmt/format.h>

#include <catch2/catch.hpp>
#include <iostream>

#include "emulator/build.h"
#include "kernels/add/add.h"
#include "kernels/convolution/convolution.h"
#include "kernels/convolution/packed_weight.h"
#include "kernels/convolution_max_pool/convolution_max_pool.h"
#include "kernels/dense/dense.h"
#include "kernels/global_average_pool/global_average_pool.h"
#include "kernels/layout/layout.h"
#include "kernels/pooling/pooling.h"
#include "kernels/split_attention/split_attention.h"
#include "kernels/stem_convolution/stem_convolution.h"
#include "kernels/top_k/top_k.h"
#include "tests/kernels/family_devices.h"

namespace nestor::test {
namespace {

// Zeros on a device, as many as a launch asks for; they live as long as this.
class Zeros {
 public:
  explicit Zeros(Device& device) : device_(device) {}

  template <class T>
  T* floats(int count) {
    return bytes<T>(4 * count);
  }
  void* halves(int count) { return bytes<unsigned char>(2 * count); }
  template <class T>
  T* bytes(int count) {
    arrays_.push_back(std::make_unique<Array<unsigned char>>(
        device_, Memory(static_cast<std::size_t>(count), 0)));
    return reinterpret_cast<T*>(arrays_.back()->data());
  }

 private:
  Device& device_;
  std::vector<std::unique_ptr<Array<unsigned char>>> arrays_;
};

struct Case {
  std::string kernel, problem;
  std::function<DeviceStatus(Zeros& zeros, Stream stream)> launch;
  double sectors = 1;  // at most, of the ideal
  int sm = 70;
};

Case attention(int side, int width, int channels_per_block, int pool_stride, double sectors) {
  const int pixels = side * side;
  return {"split_attention",
          fmt::format("{}x{}, width {}{}", side, side, width, pool_stride > 0 ? ", AVD" : ""),
          [=](Zeros& zeros, Stream stream) {
            const int hidden = width / 2;
            return split_attention({.src = zeros.halves(2 * width * pixels),
                                    .sums = zeros.floats<float>(2 * width),
                                    .fc1_weight = zeros.halves(hidden * width),
                                    .fc1_bias = zeros.floats<float>(hidden),
                                    .fc2_weight = zeros.halves(2 * hidden * width),
                                    .fc2_bias = zeros.floats<float>(2 * width),
                                    .dst = zeros.halves(width * pixels),
                                    .n = 1,
                                    .h = side,
                                    .w = side,
                                    .width = width,
                                    .hidden = hidden,
                                    .slots_per_part = 2,
                                    .pool_stride = pool_stride,
                                    .channels_per_block = channels_per_block},
                                   stream);
          },
          sectors};
}

// With everything that the epilogue can do.
Case convolution_case(int tile_idx, const ConvolutionShape& shape, double sectors) {
  const ConvolutionTile& tile = kConvolutionTiles[tile_idx];
  const bool fma = tile.family == MmaFamily::kFma;
  const int sm = sm_of(tile.family);
  return {tile.name,
          fmt::format("{}x{} {} -> {}, {}x{}{}", shape.r, shape.s, shape.c, shape.k, shape.h,
                      shape.w, fma ? ", fp32" : ""),
          [=](Zeros& zeros, Stream stream) {
            const int pixels = shape.p() * shape.q(), k = padded_channels(shape.k);
            const int slots = pooled_slots(pixels, tile.m);
            ConvolutionArgs args;
            args.dtype = fma ? DeviceDType::kFloat32 : DeviceDType::kFloat16;
            args.shape = shape;
            args.choice = {tile_idx, 1};
            args.src = zeros.floats<float>(shape.n * shape.h * shape.w * padded_channels(shape.c));
            args.weight =
                zeros.bytes<float>(static_cast<int>(packed_weight_bytes(shape, tile.family)));
            args.bias = zeros.floats<float>(k);
            args.residual = zeros.floats<float>(shape.n * pixels * k);
            args.dst = zeros.floats<float>(shape.n * pixels * k);
            args.activation = Activation::kRelu;
            args.pooled = zeros.floats<float>(shape.n * slots * k);
            args.pooled_parts = 2;
            args.pooled_slots = slots;
            return convolution(args, stream);
          },
          sectors, sm};
}

std::vector<Case> cases() {
  std::vector<Case> list{
      attention(14, 64, 64, 0, 1.0),
      attention(14, 128, 128, 0, 1.0),
      attention(14, 256, 64, 0, 1.0),
      attention(7, 512, 64, 0, 1.0),
      attention(14, 256, 64, 2, 1.0),
      {"pooled_sums", "14x14, width 128",
       [](Zeros& zeros, Stream stream) {
         return pooled_sums({.src = zeros.halves(256 * 196),
                             .sums = zeros.floats<float>(128 * 4),
                             .n = 1,
                             .pixels = 196,
                             .width = 128,
                             .radix = 2,
                             .pixels_per_slot = 49},
                            stream);
       }},
      {"pooling", "max 3x3 s2, 28x28, 64 channels",
       [](Zeros& zeros, Stream stream) {
         return pooling({.src = zeros.halves(64 * 784),
                         .dst = zeros.halves(64 * 196),
                         .n = 1,
                         .h = 28,
                         .w = 28,
                         .c = 64,
                         .p = 14,
                         .q = 14,
                         .kernel = 3,
                         .stride = 2,
                         .pad = 1},
                        stream);
       }},
      {"global_average_pool", "7x7, 2048 channels",
       [](Zeros& zeros, Stream stream) {
         return global_average_pool({.src = zeros.halves(2048 * 49),
                                     .dst = zeros.floats<float>(2048),
                                     .n = 1,
                                     .pixels = 49,
                                     .c = 2048},
                                    stream);
       }},
      {"dense", "2048 -> 64",
       [](Zeros& zeros, Stream stream) {
         return dense({.src = zeros.floats<float>(4 * 2048),
                       .weight = zeros.halves(64 * 2048),
                       .bias = zeros.floats<float>(64),
                       .dst = zeros.floats<float>(4 * 64),
                       .n = 4,
                       .c = 2048,
                       .k = 64},
                      stream);
       },
       /*sectors=*/1.7},  // float32 vectors: a chunk is a sector, read in two halves
      {"top_k", "5 of 1000",
       [](Zeros& zeros, Stream stream) {
         return top_k({.logits = zeros.floats<float>(1000),
                       .values = zeros.floats<float>(5),
                       .classes = zeros.floats<std::int32_t>(5),
                       .n = 1,
                       .num_classes = 1000,
                       .k = 5},
                      stream);
       }},
      {"images_to_nhwc", "32x32",
       [](Zeros& zeros, Stream stream) {
         return images_to_nhwc({.src = zeros.bytes<std::uint8_t>(3 * 1024),
                                .dst = zeros.halves(8 * 1024),
                                .n = 1,
                                .pixels = 1024},
                               stream);
       }},
      {"add", "14x14, 256 channels",
       [](Zeros& zeros, Stream stream) {
         return add({.a = zeros.halves(256 * 196),
                     .b = zeros.halves(256 * 196),
                     .dst = zeros.halves(256 * 196),
                     .count = 256 * 196},
                    stream);
       }},
  };
  for (const int k : {32, 64}) {
    list.push_back({"stem_convolution", fmt::format("32x32, {} channels", k),
                    [k](Zeros& zeros, Stream stream) {
                      return stem_convolution({.src = zeros.halves(8 * 1024),
                                               .weight = zeros.floats<float>(27 * k),
                                               .bias = zeros.floats<float>(k),
                                               .dst = zeros.halves(k * 256),
                                               .n = 1,
                                               .h = 32,
                                               .w = 32,
                                               .k = k},
                                              stream);
                    },
                    /*sectors=*/2.4});  // of each pixel's 16 bytes 8 are read
    for (const int size : {3, 7}) {
      list.push_back({"stem_convolution_mma", fmt::format("{0}x{0}, 32x64, {1} channels", size, k),
                      [k, size](Zeros& zeros, Stream stream) {
                        const int elements = packed_stem_weight_elements(size, k, 70);
                        return stem_convolution_mma({.planes = zeros.floats<float>(3 * 2048),
                                                     .packed = zeros.halves(elements),
                                                     .bias = zeros.floats<float>(k),
                                                     .dst = zeros.halves(k * 512),
                                                     .size = size,
                                                     .n = 1,
                                                     .h = 32,
                                                     .w = 64,
                                                     .k = k},
                                                    stream);
                      },
                      /*sectors=*/1.2});  // a patch's lines begin and end within sectors
    }
    list.push_back({"convolution_max_pool", fmt::format("28x32, {} to {} channels", k, 2 * k),
                    [k](Zeros& zeros, Stream stream) {
                      return convolution_max_pool({.src = zeros.halves(k * 896),
                                                   .weight = zeros.halves(9 * k * 128),
                                                   .bias = zeros.floats<float>(2 * k),
                                                   .dst = zeros.halves(2 * k * 224),
                                                   .n = 1,
                                                   .h = 28,
                                                   .w = 32,
                                                   .c = k,
                                                   .k = 2 * k},
                                                  stream);
                    },
                    /*sectors=*/1.0});
  }
  for (int tile = 0; tile < kNumConvolutionTiles; ++tile) {
    const ConvolutionShape whole{.n = 1, .h = 16, .w = 16, .c = 64, .k = 256};
    const ConvolutionShape grouped{
        .n = 1, .h = 16, .w = 16, .c = 64, .k = 512, .r = 3, .s = 3, .pad = 1, .groups = 2};
    // Of fp32, a thread reads 16 bytes of a pixel in each slice.
    const double sectors = kConvolutionTiles[tile].family == MmaFamily::kFma ? 1.8 : 1;
    for (const ConvolutionShape& shape : {whole, grouped}) {
      const bool halo = kConvolutionTiles[tile].form() == ConvolutionForm::kHalo;
      if (!halo || shape.r == 3) list.push_back(convolution_case(tile, shape, sectors));
    }
  }
  return list;
}

simt::KernelCounters run(const Case& one) {
  return count(
      [&](Device& device) {
        Zeros zeros(device);
        check(one.launch(zeros, device.stream()));
        device.synchronize();
      },
      one.kernel, one.sm);
}

double ratio(std::int64_t a, std::int64_t b) {
  return b == 0 ? 0 : static_cast<double>(a) / static_cast<double>(b);
}

}  // namespace

TEST_CASE("no bank conflicts, and whole sectors", "[simt][counters]") {
  for (const Case& one : cases()) {
    // Race builds count the convolutions' scalar accesses too, whose conflicts are not many.
    if (simt::kRaceBuild && one.kernel.starts_with("convolution")) continue;
    INFO(one.kernel << ", " << one.problem);
    const simt::KernelCounters counters = run(one);
    CHECK(counters.shared_wavefronts == counters.shared_ideal);
    // Race builds count scalar accesses too, some of which take part of a sector.
    if (!simt::kRaceBuild) {
      CHECK(ratio(counters.global_sectors, counters.global_ideal) <= one.sectors);
    }
  }
}

TEST_CASE("table of bank conflicts and sectors", "[.table]") {
  std::cout
      << "| kernel | problem (fp16) | shared wavefronts | of these conflicts | global requests "
         "| sectors a request | sectors / ideal |\n|---|---|---|---|---|---|---|\n";
  for (const Case& one : cases()) {
    const simt::KernelCounters c = run(one);
    std::cout << fmt::format("| {} | {} | {} | {} | {} | {:.1f} | {:.2f} |\n", one.kernel,
                             one.problem, c.shared_wavefronts, c.shared_wavefronts - c.shared_ideal,
                             c.global_requests, ratio(c.global_sectors, c.global_requests),
                             ratio(c.global_sectors, c.global_ideal));
  }
}

}  // namespace nestor::test
