#include "apps/common/saved_tensors.h"

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

void SavedTensors::add(const ImageOutputs& outputs) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const TensorView tensor = outputs.tensor(i);
    const Shape& shape = tensor.desc.shape;
    Tensor& all = tensors_[outputs.name(i)];
    if (all.shape.rank() == 0) {
      all.shape = shape;
      all.shape[0] = 0;
    }
    Shape expected = shape;
    expected[0] = all.shape[0];
    CHECK(expected == all.shape, "{}: a batch of {} after {}", outputs.name(i), shape.to_string(),
          all.shape.to_string());
    all.shape[0] += shape[0];
    all.data.insert(all.data.end(), tensor.as<float>(), tensor.as<float>() + shape.num_elements());
  }
}

void SavedTensors::write(const std::filesystem::path& path) const {
  std::vector<WeightFileWriter::Entry> entries;
  for (const auto& [name, tensor] : tensors_) {
    entries.push_back({.name = name, .dtype = DType::kFloat32, .shape = tensor.shape});
  }
  WeightFileWriter writer(path, std::move(entries), {});
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    writer.write(std::as_bytes(std::span(tensors_.at(entry.name).data)));
  }
  writer.finish();
}

}  // namespace nestor
