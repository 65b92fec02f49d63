#pragma once
// Models with random weights, and inputs for them.

#include <memory>
#include <string_view>
#include <vector>

#include "engine/model.h"
#include "nestor/session.h"

namespace nestor::test {

// A network of the zoo.
GraphFunction graph_of_network(std::string_view name, int num_classes = 10);

// On the CPU, with weights of tests/support/weights.h.
std::shared_ptr<const Model> random_model(const GraphFunction& graph, std::uint64_t seed = 1);

// A float32 tensor that owns its elements, uniform in [-2, 2) as normalised images are.
class Images {
 public:
  explicit Images(const Shape& shape, std::uint64_t seed = 2);
  Images(Shape shape, std::vector<float> data) : shape_(std::move(shape)), data_(std::move(data)) {}

  TensorView view() const { return {{DType::kFloat32, shape_}, data_.data()}; }
  // Image `idx` alone, as a batch of one.
  TensorView image(std::int64_t idx) const;
  // The first `count` images.
  TensorView first(std::int64_t count) const;

 private:
  std::int64_t image_elements() const { return shape_.num_elements() / shape_[0]; }

  Shape shape_;
  std::vector<float> data_;
};

// Images as they are decoded: uint8 [n, height, width, 3], of all levels.
class Levels {
 public:
  Levels(int n, int height, int width, std::uint64_t seed = 2);

  TensorView view() const { return {{DType::kUInt8, shape_}, bytes_.data()}; }
  Images normalised(const Normalisation& normalisation) const;

 private:
  Shape shape_;
  std::vector<std::uint8_t> bytes_;
};

// Of float32, int32 or uint8.
std::vector<float> elements(const TensorView& tensor);

// The session's result for the network's first output.
std::vector<float> run(Session& session, const TensorView& input);

}  // namespace nestor::test
