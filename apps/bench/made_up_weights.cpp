#include "apps/bench/made_up_weights.h"

#include <cmath>
#include <cstring>
#include <random>

#include "engine/weights/safetensors_header.h"

namespace nestor {

std::vector<std::byte> make_up_weights(std::span<const Parameter> parameters) {
  std::vector<SafetensorsTensor> tensors;
  for (const Parameter& p : parameters) tensors.push_back({p.name, DType::kFloat32, &p.shape});
  const std::string header = format_safetensors_header(tensors, {});
  std::vector<float> data;
  std::mt19937 random(1);
  std::uniform_real_distribution<float> values(-1, 1);
  for (const Parameter& p : parameters) {
    const std::int64_t count = p.shape.num_elements();
    const bool filter = p.shape.rank() > 1;
    const bool one = p.name.ends_with("gamma") || p.name.ends_with("running_var");
    const double scale = filter ? std::sqrt(6.0 / static_cast<double>(count / p.shape[0])) : 0;
    for (std::int64_t i = 0; i < count; ++i) {
      data.push_back(filter ? values(random) * static_cast<float>(scale) : (one ? 1.0F : 0.0F));
    }
  }
  std::vector<std::byte> file(header.size() + data.size() * sizeof(float));
  std::memcpy(file.data(), header.data(), header.size());
  std::memcpy(file.data() + header.size(), data.data(), data.size() * sizeof(float));
  return file;
}

}  // namespace nestor
