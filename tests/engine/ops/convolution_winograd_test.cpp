// The Winograd convolution with the kernels of every instruction set that this CPU has, against the
// oracle of the op, and against itself for other batches and numbers of threads.

#include <catch2/catch.hpp>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "engine/backends/cpu/context.h"
#include "engine/ops/convolution/winograd.h"

namespace nestor {

namespace {

struct Target {
  const char* name;
  cpu::Isa isa;
};

std::vector<Target> targets() {
  std::vector<Target> result = {{"sse2", cpu::Isa::kSse2}};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    result.push_back({"avx2", cpu::Isa::kAvx2});
  }
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")) {
    result.push_back({"avx512", cpu::Isa::kAvx512});
  }
  return result;
}

float to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  bits = (bits + 0x7FFFU + ((bits >> 16) & 1U)) & 0xFFFF0000U;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}

struct Data {
  std::vector<float> src, weight, bias, residual;  // plain

  explicit Data(const ConvolutionProblem& problem) {
    std::mt19937 random(7);
    std::normal_distribution<float> normal;
    const bool rounded = problem.precision == Precision::kBf16;
    const auto fill = [&](std::vector<float>& values, std::int64_t count, float scale, bool round) {
      for (std::int64_t i = 0; i < count; ++i) {
        const float value = normal(random) * scale;
        values.push_back(round ? to_bfloat16(value) : value);
      }
    };
    const auto taps = static_cast<float>(9 * problem.weight[1]);
    fill(src, problem.src.num_elements(), 1, rounded);
    fill(weight, problem.weight.num_elements(), 1 / std::sqrt(taps), false);
    fill(bias, problem.weight[0], 0.5F, false);
    fill(residual, problem.dst.num_elements(), 1, rounded);
  }

  std::vector<float> oracle(const ConvolutionProblem& problem) const {
    std::vector<float> dst(static_cast<std::size_t>(problem.dst.num_elements()));
    std::vector<TensorView> inputs = {{{DType::kFloat32, problem.src}, src.data()},
                                      {{DType::kFloat32, problem.weight}, weight.data()}};
    if (problem.params.has_bias) {
      inputs.push_back({{DType::kFloat32, {problem.weight[0]}}, bias.data()});
    }
    if (problem.params.has_residual) {
      inputs.push_back({{DType::kFloat32, problem.dst}, residual.data()});
    }
    const Node node{&convolution_op(), problem.params, {}, {}, "oracle"};
    const MutableTensorView output{{DType::kFloat32, problem.dst}, dst.data()};
    convolution_op().reference(node, inputs, {&output, 1});
    return dst;
  }
};

// A blocked activation in memory of the right alignment.
class Blocked {
 public:
  Blocked(const Shape& shape, int block, Precision precision)
      : shape_(shape),
        block_(block),
        bf16_(precision == Precision::kBf16),
        bytes_(static_cast<std::size_t>(shape.num_elements() * (bf16_ ? 2 : 4))),
        memory_(std::aligned_alloc(64, (bytes_ + 63) / 64 * 64), std::free) {
    std::memset(memory_.get(), 0xFF, bytes_);  // NaN
  }

  void* data() const { return memory_.get(); }

  void write(const float* plain) const {
    each([&](std::int64_t i, std::int64_t at) {
      std::memcpy(element(at), reinterpret_cast<const char*>(plain + i) + (bf16_ ? 2 : 0),
                  bf16_ ? 2 : 4);
    });
  }

  std::vector<float> read() const {
    std::vector<float> plain(static_cast<std::size_t>(shape_.num_elements()), 0.0F);
    each([&](std::int64_t i, std::int64_t at) {
      std::memcpy(reinterpret_cast<char*>(plain.data() + i) + (bf16_ ? 2 : 0), element(at),
                  bf16_ ? 2 : 4);
    });
    return plain;
  }

 private:
  char* element(std::int64_t at) const {
    return static_cast<char*>(memory_.get()) + at * (bf16_ ? 2 : 4);
  }

  template <class Visit>
  void each(const Visit& visit) const {
    const std::int64_t pixels = shape_[2] * shape_[3];
    for (std::int64_t i = 0; i < shape_.num_elements(); ++i) {
      const std::int64_t channel = i / pixels % shape_[1], image = i / pixels / shape_[1];
      const std::int64_t plane = image * shape_[1] / block_ + channel / block_;
      visit(i, (plane * pixels + i % pixels) * block_ + channel % block_);
    }
  }

  Shape shape_;
  int block_;
  bool bf16_;
  std::size_t bytes_;
  std::unique_ptr<void, void (*)(void*)> memory_;
};

std::vector<float> run(const ConvolutionProblem& problem, const Data& data, cpu::Isa isa, int tile,
                       int threads) {
  const DType storage = problem.precision == Precision::kBf16 ? DType::kBFloat16 : DType::kFloat32;
  const cpu::WinogradKernels& kernels = cpu::winograd_kernels(isa, storage, tile);
  const cpu::Winograd winograd(problem, kernels, threads);
  const Blocked src(problem.src, kernels.block, problem.precision);
  const Blocked dst(problem.dst, kernels.block, problem.precision);
  const Shape workspace_shape{static_cast<std::int64_t>(winograd.workspace_bytes() / 4), 8, 1, 1};
  const Blocked workspace(workspace_shape, 8, Precision::kFp32);
  std::vector<float> packed(static_cast<std::size_t>(winograd.packed_floats()));
  src.write(data.src.data());
  if (problem.params.has_residual) dst.write(data.residual.data());
  winograd.pack(data.weight.data(), packed.data());
  winograd.run({.src = src.data(),
                .weight = packed.data(),
                .bias = data.bias.data(),
                .dst = dst.data(),
                .workspace = static_cast<float*>(workspace.data())});
  return dst.read();
}

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

struct Errors {
  double rms = 0, largest = 0;  // over the oracle's standard deviation
};

Errors errors(const std::vector<float>& wanted, const std::vector<float>& got) {
  double sum = 0, squares = 0, error = 0;
  Errors result;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double difference = std::abs(double{got[i]} - wanted[i]);
    sum += wanted[i];
    squares += double{wanted[i]} * wanted[i];
    error += difference * difference;
    if (!(difference <= result.largest)) result.largest = difference;  // NaN shows
  }
  const auto n = static_cast<double>(wanted.size());
  const double deviation = std::sqrt(squares / n - sum / n * sum / n);
  return {std::sqrt(error / n) / deviation, result.largest / deviation};
}

void compare(const std::string& text, double rms_tolerance, double largest_tolerance) {
  const ConvolutionProblem problem = ConvolutionProblem::parse(text);
  const Data data(problem);
  const std::vector<float> wanted = data.oracle(problem);
  for (const Target& target : targets()) {
    for (const int tile : {2, 4}) {
      const int block = target.isa == cpu::Isa::kAvx512 ? 16 : 8;
      if (!cpu::Winograd::supports(problem, block)) continue;
      INFO(text << " " << target.name << " tile " << tile);
      const std::vector<float> one = run(problem, data, target.isa, tile, 1);
      const Errors found = errors(wanted, one);
      INFO("rms " << found.rms << " largest " << found.largest);
      CHECK(found.rms < rms_tolerance);
      CHECK(found.largest < largest_tolerance);
      for (const int threads : {2, 3, 8}) {
        CHECK(same_bits(one, run(problem, data, target.isa, tile, threads)));
      }
    }
  }
}

// The direct sum in float32 has an rms error of 4e-7 and a largest error of 4e-6 on these.
constexpr double kRms = 2e-6, kLargest = 3e-5;

}  // namespace

TEST_CASE("Winograd convolution agrees with the oracle", "[convolution][winograd][cpu]") {
  // Sides about multiples of both tiles, 1, primes; slices of one, two and three blocks; every
  // number of rows that a product can have.
  for (const char* text : {
           "n1_c16_h1_w1_k16_r3_s3",
           "n1_c16_h1_w13_k16_r3_s3_bias",
           "n1_c16_h3_w5_k32_r3_s3_bias_relu",
           "n2_c32_h4_w4_k16_r3_s3_relu",
           "n1_c32_h5_w3_k48_r3_s3_bias_relu",
           "n3_c16_h7_w7_k16_r3_s3_bias_residual",
           "n1_c48_h8_w9_k32_r3_s3_bias_residual_relu",
           "n1_c32_h13_w11_k32_r3_s3_g2_bias_relu",
           "n2_c64_h14_w15_k64_r3_s3_g2_bias_relu",
           "n1_c64_h17_w16_k192_r3_s3_g4_bias_relu",
           "n1_c64_h29_w31_k64_r3_s3_g1_bias_relu",
           "n1_c32_h53_w59_k32_r3_s3_g2_bias_relu",
           "n1_c16_h6_w6_k16_r3_s3_p0_bias",
           "n1_c16_h6_w7_k16_r3_s3_p2_bias",
           "n1_c8_h9_w9_k24_r3_s3_bias_relu",
           "n1_c24_h9_w10_k40_r3_s3_bias_relu",
       }) {
    compare(text, kRms, kLargest);
  }
}

TEST_CASE("Winograd convolution of bfloat16 activations rounds once",
          "[convolution][winograd][cpu]") {
  for (const char* text : {"n1_c32_h13_w11_k32_r3_s3_g2_bias_relu_bf16",
                           "n2_c16_h8_w9_k48_r3_s3_bias_residual_relu_bf16"}) {
    compare(text, 2e-3, 0.02);
  }
}

TEST_CASE("Winograd convolution is accurate on the layers of ResNeSt-50",
          "[convolution][winograd][cpu][slow]") {
  for (const char* text : {
           "n1_c32_h112_w112_k32_r3_s3_bias_relu",
           "n1_c64_h56_w56_k128_r3_s3_g2_bias_relu",
           "n1_c128_h28_w28_k256_r3_s3_g2_bias_relu",
           "n1_c256_h14_w14_k512_r3_s3_g2_bias_relu",
           "n1_c512_h7_w7_k1024_r3_s3_g2_bias_relu",
       }) {
    compare(text, kRms, kLargest);
  }
}

TEST_CASE("Winograd convolution does not depend on the batch", "[convolution][winograd][cpu]") {
  for (const char* text :
       {"n3_c32_h7_w7_k32_r3_s3_g2_bias_relu", "n7_c16_h9_w5_k48_r3_s3_bias",
        "n16_c32_h14_w14_k16_r3_s3_bias_relu", "n2_c128_h28_w28_k64_r3_s3_g2_bias_residual_relu"}) {
    const ConvolutionProblem batch = ConvolutionProblem::parse(text);
    const Data data(batch);
    ConvolutionProblem single = batch;
    single.src[0] = single.dst[0] = 1;
    const std::int64_t src_size = single.src.num_elements();
    const std::int64_t dst_size = single.dst.num_elements();
    for (const Target& target : targets()) {
      for (const int tile : {2, 4}) {
        INFO(text << " " << target.name << " tile " << tile);
        const std::vector<float> whole = run(batch, data, target.isa, tile, 2);
        for (std::int64_t n = 0; n < batch.src[0]; ++n) {
          Data part = data;
          part.src.erase(part.src.begin(), part.src.begin() + n * src_size);
          part.residual.erase(part.residual.begin(), part.residual.begin() + n * dst_size);
          const std::vector<float> alone = run(single, part, target.isa, tile, 1);
          CHECK(
              same_bits(alone, {whole.begin() + n * dst_size, whole.begin() + (n + 1) * dst_size}));
        }
      }
    }
  }
}

TEST_CASE("Winograd convolution runs within a thread of another team",
          "[convolution][winograd][cpu]") {
  const ConvolutionProblem problem = ConvolutionProblem::parse("n1_c32_h13_w11_k32_r3_s3_g2_bias");
  const Data data(problem);
  const std::vector<float> alone = run(problem, data, cpu::Isa::kSse2, 4, 1);
  std::vector<std::vector<float>> together(4);
#pragma omp parallel for num_threads(4)
  for (std::size_t i = 0; i < 4; ++i) together[i] = run(problem, data, cpu::Isa::kSse2, 4, 1);
  for (const std::vector<float>& one : together) CHECK(same_bits(alone, one));
}

TEST_CASE("Winograd convolution is refused where it does not apply",
          "[convolution][winograd][cpu]") {
  for (const char* text :
       {"n1_c32_h9_w9_k32_r1_s1", "n1_c32_h9_w9_k32_r3_s3_st2", "n1_c32_h9_w9_k32_r3_s3_d2",
        "n1_c32_h9_w9_k32_r3_s3_g4", "n1_c3_h9_w9_k32_r3_s3", "n1_c32_h9_w9_k40_r3_s3"}) {
    INFO(text);
    CHECK_FALSE(cpu::Winograd::supports(ConvolutionProblem::parse(text), 16));
  }
}

TEST_CASE("convolution problems are strings", "[convolution][cpu]") {
  for (const char* text :
       {"n2_c64_h57_w56_k64_r3_s3_g2_bias_relu_bf16", "n1_c3_h9_w9_k32_r3_s3_st2_p0_d2_fp32",
        "n16_c256_h56_w56_k512_r3_s3_st2_g64_bias_relu_fp32"}) {  // more than 2^31 multiply-adds
    CHECK(to_string(ConvolutionProblem::parse(text)) == text);
  }
  CHECK_THROWS_WITH(ConvolutionProblem::parse("n1_c3_h9_w9_k32_r3_s3_x4"),
                    Catch::Contains("'x4' is not understood"));
  CHECK_THROWS_WITH(ConvolutionProblem::parse("n1_c3"), Catch::Contains("expected n, c, h"));
}

}  // namespace nestor
