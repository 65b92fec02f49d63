#include "tests/support/weights.h"

#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>

#include "engine/weights/safetensors_header.h"
#include "tests/support/random.h"

namespace nestor::test {

std::vector<float> weight_values(const Value& weight, std::uint64_t seed) {
  const Shape& shape = weight.desc.shape;
  const auto count = static_cast<std::size_t>(shape.num_elements());
  const std::uint64_t own_seed = seed ^ seed_of(weight.name);
  const std::string& name = weight.name;
  if (name.ends_with("running_var")) return random_values(count, own_seed, 0.5F, 1.5F);
  const bool ends_branch = name.ends_with("bn3.gamma") || name.ends_with("body.7.gamma");
  if (ends_branch) return random_values(count, own_seed, 0.2F, 0.4F);
  if (name.ends_with("gamma")) return random_values(count, own_seed, 0.8F, 1.2F);
  if (shape.rank() == 1) return random_values(count, own_seed, -0.2F, 0.2F);
  const auto fan_in = static_cast<float>(shape.num_elements() / shape[0]);
  const float bound = std::sqrt(6.0F / fan_in);
  return random_values(count, own_seed, -bound, bound);
}

WeightFile weight_file(const Graph& graph, std::uint64_t seed) {
  std::map<std::string, const Value*> weights;
  for (const Value& value : graph.values) {
    if (value.kind == Value::Kind::kWeight) weights.emplace(value.name, &value);
  }
  std::vector<SafetensorsTensor> tensors;
  for (const auto& [name, value] : weights) {
    tensors.push_back({name, DType::kFloat32, &value->desc.shape});
  }
  std::string bytes = format_safetensors_header(tensors, {});
  for (const auto& [name, value] : weights) {
    const std::vector<float> values = weight_values(*value, seed);
    bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float));
  }
  static std::mutex mutex;
  static std::deque<std::string> files;
  const std::lock_guard lock(mutex);
  files.push_back(std::move(bytes));
  return WeightFile::parse(std::as_bytes(std::span(files.back())), "weights of a test");
}

}  // namespace nestor::test
