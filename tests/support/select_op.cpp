#include "tests/support/select_op.h"

#include <algorithm>
#include <cstring>

#include "engine/backends/cpu/cpu_backend.h"
#include "engine/backends/cuda/cuda_backend.h"
#include "engine/backends/cuda/step.h"
#include "engine/backends/variant_list.h"
#include "engine/ops/registry.h"

namespace nestor::test {

namespace {

std::vector<OutputDesc> infer(const Node&, std::span<const TensorDesc> inputs) {
  const Shape& src = inputs[0].shape;
  const RowsInUse counted{RowsInUse::By::kOutput, 3};
  return {{inputs[0], {}, counted},
          {{DType::kInt32, {src[0], src[1]}}, "channel", counted},
          {{DType::kUInt8, {src[0], src[1]}}, "label", counted},
          {{DType::kInt32, {src[0]}}, "count"}};
}

void select_rows(const Shape& shape, const float* src, float* dst, std::int32_t* channels,
                 std::uint8_t* labels, std::int32_t* counts) {
  const std::int64_t pixels = shape[2] * shape[3];
  std::fill_n(dst, shape.num_elements(), 0.0F);
  std::fill_n(channels, shape[0] * shape[1], -1);
  std::fill_n(labels, shape[0] * shape[1], 0);
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    counts[n] = 0;
    for (std::int64_t c = 0; c < shape[1]; ++c) {
      const float* const from = src + (n * shape[1] + c) * pixels;
      if (!(from[0] > 0)) continue;
      const std::int64_t row = n * shape[1] + counts[n]++;
      std::copy_n(from, pixels, dst + row * pixels);
      channels[row] = static_cast<std::int32_t>(c);
      labels[row] = 1;
    }
  }
}

void reference(const Node&, std::span<const TensorView> inputs,
               std::span<const MutableTensorView> outputs) {
  select_rows(inputs[0].desc.shape, inputs[0].as<float>(), outputs[0].as<float>(),
              outputs[1].as<std::int32_t>(), outputs[2].as<std::uint8_t>(),
              outputs[3].as<std::int32_t>());
}

class Kernel : public StepKernel {
 public:
  explicit Kernel(const Shape& shape) : shape_(shape) {}

  void load(const Constants&, std::span<const ValueId>) override {}
  void bind(const StepPointers& pointers) override { pointers_ = pointers; }
  void run(ExecutionContext&) override {
    select_rows(shape_, static_cast<const float*>(pointers_.inputs[0]),
                static_cast<float*>(pointers_.outputs[0]),
                static_cast<std::int32_t*>(pointers_.outputs[1]),
                static_cast<std::uint8_t*>(pointers_.outputs[2]),
                static_cast<std::int32_t*>(pointers_.outputs[3]));
  }

 private:
  Shape shape_;
  StepPointers pointers_;
};

StepChoice plain_choice(const StepRequest& request) {
  const auto plain = [&](ValueId id) {
    return BufferFormat{request.graph.desc(id).dtype, Layout::kPlain};
  };
  StepChoice choice;
  choice.variant = "select";
  std::ranges::transform(request.node.inputs, std::back_inserter(choice.inputs), plain);
  std::ranges::transform(request.node.outputs, std::back_inserter(choice.outputs), plain);
  choice.kernel = make_kernel<Kernel>(request.graph.desc(request.node.inputs[0]).shape);
  return choice;
}

class Cpu final : public CpuBackend {
 public:
  StepChoice choose(const StepRequest& request) override {
    return request.node.op == &select_op() ? plain_choice(request) : CpuBackend::choose(request);
  }
};

class DescribedGpu final : public CudaBackend {
 public:
  using CudaBackend::CudaBackend;

  StepChoice choose(const StepRequest& request) override {
    if (request.node.op != &select_op()) return CudaBackend::choose(request);
    StepChoice choice = plain_choice(request);
    choice.gpu = cuda::streaming_launch(request, choice, *this);
    return choice;
  }
};

}  // namespace

const Op& select_op() {
  static const Op op{"select", infer, reference, no_multiply_adds, no_description};
  return op;
}

std::vector<ValueId> select(GraphBuilder& builder, ValueId src, std::string_view name) {
  return builder.add_all(select_op(), {}, {src}, name);
}

std::unique_ptr<Backend> cpu_with_select() { return std::make_unique<Cpu>(); }

std::unique_ptr<Backend> described_gpu_with_select(std::string_view architecture) {
  return std::make_unique<DescribedGpu>(*find_device_spec(architecture));
}

}  // namespace nestor::test
