#include "tests/executor/emulated_model.h"

#include "engine/backends/cuda/cuda_backend.h"
#include "engine/ops/attention_sum/attention_sum.h"
#include "engine/ops/convolution/convolution.h"
#include "engine/ops/dense/dense.h"
#include "engine/ops/global_average_pool/global_average_pool.h"
#include "engine/ops/r_softmax/r_softmax.h"
#include "engine/ops/radix_sum/radix_sum.h"
#include "engine/ops/relu/relu.h"
#include "tests/support/weights.h"

namespace nestor::test {

std::shared_ptr<const Model> emulated_model(const GraphFunction& graph, int sm,
                                            simt::Options options) {
  options.sm = sm;
  simt::set_device_options(options);
  const Shape nominal{1, 3, 64, 64};
  auto backend =
      std::make_unique<CudaBackend>(*nestor_device_library(kDeviceLibraryVersion), "simt:0", 0);
  return std::make_shared<const Model>(graph, nominal, weight_file(graph(nominal), 1),
                                       std::move(backend));
}

Graph small_graph(const Shape& input) {
  GraphBuilder b;
  const ValueId image = b.input("input", {DType::kFloat32, input});
  const ValueId stem =
      relu(b,
           convolution(b, image, "stem",
                       {.channels = 16, .kernel = 3, .stride = 2, .pad = 1, .bias = true}),
           "stem.relu");
  const ValueId splits =
      relu(b,
           convolution(b, stem, "splits",
                       {.channels = 32, .kernel = 3, .pad = 1, .groups = 2, .bias = true}),
           "splits.relu");
  const ValueId pooled =
      global_average_pool(b, radix_sum(b, splits, "radix_sum", {.radix = 2}), "pooled");
  const ValueId hidden =
      relu(b, convolution(b, pooled, "fc1", {.channels = 8, .bias = true}), "fc1.relu");
  const ValueId logits = convolution(b, hidden, "fc2", {.channels = 32, .bias = true});
  const ValueId attention = r_softmax(b, logits, "attention", {.radix = 2});
  const ValueId sum = attention_sum(b, splits, attention, "sum", {.radix = 2});
  b.output("logits", dense(b, global_average_pool(b, sum, "pool"), "classes", 10));
  return b.finish();
}

}  // namespace nestor::test
