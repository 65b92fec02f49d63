#include "tests/support/model.h"

#include <stdexcept>

#include "graphs/zoo.h"
#include "nestor/preprocess.h"
#include "tests/support/random.h"
#include "tests/support/weights.h"

namespace nestor::test {

GraphFunction graph_of_network(std::string_view name, int num_classes) {
  const Network* const network = find_network(name);
  if (network == nullptr) throw std::invalid_argument("no network " + std::string(name));
  return [network, num_classes](const Shape& input) {
    return build_graph(*network, {.num_classes = num_classes}, input);
  };
}

std::shared_ptr<const Model> random_model(const GraphFunction& graph, std::uint64_t seed) {
  const Shape nominal{1, 3, 64, 64};
  return std::make_shared<const Model>(graph, nominal, weight_file(graph(nominal), seed), "cpu");
}

Images::Images(const Shape& shape, std::uint64_t seed)
    : shape_(shape),
      data_(random_values(static_cast<std::size_t>(shape.num_elements()), seed, -2, 2)) {}

TensorView Images::image(std::int64_t idx) const {
  TensorView result = first(1);
  result.data = data_.data() + idx * image_elements();
  return result;
}

TensorView Images::first(std::int64_t count) const {
  Shape shape = shape_;
  shape[0] = count;
  return {{DType::kFloat32, shape}, data_.data()};
}

Levels::Levels(int n, int height, int width, std::uint64_t seed)
    : shape_{n, height, width, 3}, bytes_(static_cast<std::size_t>(shape_.num_elements())) {
  Random random(seed);
  for (std::uint8_t& level : bytes_) level = static_cast<std::uint8_t>(random.integer(0, 255));
}

Images Levels::normalised(const Normalisation& normalisation) const {
  std::vector<float> data(bytes_.size());
  const std::size_t image_bytes = bytes_.size() / static_cast<std::size_t>(shape_[0]);
  for (std::size_t at = 0; at < bytes_.size(); at += image_bytes) {
    const auto first = bytes_.begin() + static_cast<std::ptrdiff_t>(at);
    const Image image{static_cast<int>(shape_[2]),
                      static_cast<int>(shape_[1]),
                      {first, first + static_cast<std::ptrdiff_t>(image_bytes)}};
    normalise(image, normalisation, data.data() + at);
  }
  return {{shape_[0], 3, shape_[1], shape_[2]}, std::move(data)};
}

std::vector<float> elements(const TensorView& tensor) {
  const auto from = [&]<class T>(const T* begin) {
    return std::vector<float>(begin, begin + tensor.desc.shape.num_elements());
  };
  switch (tensor.desc.dtype) {
    case DType::kFloat32: return from(tensor.as<float>());
    case DType::kInt32: return from(tensor.as<std::int32_t>());
    case DType::kUInt8: return from(tensor.as<std::uint8_t>());
    default: throw std::invalid_argument("elements of " + to_string(tensor.desc));
  }
}

std::vector<float> run(Session& session, const TensorView& input) {
  return elements(session.run(input)[0].tensor);
}

}  // namespace nestor::test
