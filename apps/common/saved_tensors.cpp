#include "apps/common/saved_tensors.h"

#include <nlohmann/json.hpp>

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

void SavedTensors::add(const ImageOutputs& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorView tensor = outputs.tensor(i);
    const Shape& shape = tensor.desc.shape;
    const auto* const bytes = tensor.as<std::byte>();
    Tensor& all = tensors_[outputs.name(i)];
    if (all.shape.rank() == 0) {
      all.dtype = tensor.desc.dtype;
      all.shape = shape;
      all.shape[0] = 0;
    }
    Shape expected = shape;
    expected[0] = all.shape[0];
    CHECK_AS(kUsage, expected == all.shape,
             "--save-outputs: {} has the shape {} after {}: save images of one size at a time",
             outputs.name(i), shape.to_string(), all.shape.to_string());
    all.shape[0] += shape[0];
    all.data.insert(all.data.end(), bytes, bytes + tensor.bytes());
  }
}

void SavedTensors::write(const std::filesystem::path& path,
                         const std::vector<std::string>& images) const {
  using Json = nlohmann::json;
  // File names may be any bytes; those that are not UTF-8 become U+FFFD, as in JSON reports.
  const std::string names = Json(images).dump(-1, ' ', false, Json::error_handler_t::replace);
  std::vector<WeightFileWriter::Entry> entries;
  for (const auto& [name, tensor] : tensors_) {
    entries.push_back({.name = name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  WeightFileWriter writer(path, std::move(entries), {{"images", names}});
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    writer.write(tensors_.at(entry.name).data);
  }
  writer.finish();
}

}  // namespace nestor
