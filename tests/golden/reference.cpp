#include "tests/golden/reference.h"

#include <fstream>
#include <stdexcept>

#include "nestor/decode.h"

namespace nestor::golden {

nlohmann::json read_json(const std::filesystem::path& path) {
  std::ifstream file(path);
  return nlohmann::json::parse(file);
}

namespace {

template <class T>
std::span<const T> array_of(const WeightFile& file, const std::string& name) {
  const WeightFile::Entry* const entry = file.find(name);
  if (entry == nullptr) throw std::runtime_error(file.name() + " lacks " + name);
  return {reinterpret_cast<const T*>(entry->data.data()), entry->data.size() / sizeof(T)};
}

}  // namespace

std::span<const float> array(const WeightFile& file, const std::string& name) {
  return array_of<float>(file, name);
}

std::span<const std::int32_t> int_array(const WeightFile& file, const std::string& name) {
  return array_of<std::int32_t>(file, name);
}

std::span<const float> values(const TensorView& tensor) {
  return {tensor.as<float>(), static_cast<std::size_t>(tensor.desc.shape.num_elements())};
}

std::vector<float> sampled(std::span<const float> all, std::size_t stride) {
  std::vector<float> samples;
  for (std::size_t i = 0; i < all.size(); i += stride) samples.push_back(all[i]);
  return samples;
}

Image read_picture(const std::filesystem::path& path, std::int64_t height, std::int64_t width) {
  const MappedFile file = MappedFile::open(path);
  Image image = decode_image(file.bytes(), file.name(), {}).image;
  if (image.height != height || image.width != width) {
    throw std::runtime_error(file.name() + " does not have the size of the case");
  }
  return image;
}

}  // namespace nestor::golden
