#include "apps/common/saved_tensors.h"

#include "engine/check.h"
#include "engine/weights/weight_file.h"

namespace nestor {

void SavedTensors::add(std::span<const Session::Output> outputs) {
  for (const Session::Output& output : outputs) {
    const Shape& shape = output.tensor.desc.shape;
    const auto* const bytes = output.tensor.as<std::byte>();
    Tensor& all = tensors_[output.name];
    if (all.shape.rank() == 0) {
      all.dtype = output.tensor.desc.dtype;
      all.shape = shape;
      all.shape[0] = 0;
    }
    Shape expected = shape;
    expected[0] = all.shape[0];
    CHECK(expected == all.shape, "{}: a batch of {} after {}", output.name, shape.to_string(),
          all.shape.to_string());
    all.shape[0] += shape[0];
    all.data.insert(all.data.end(), bytes, bytes + output.tensor.bytes());
  }
}

void SavedTensors::write(const std::filesystem::path& path) const {
  std::vector<WeightFileWriter::Entry> entries;
  for (const auto& [name, tensor] : tensors_) {
    entries.push_back({.name = name, .dtype = tensor.dtype, .shape = tensor.shape});
  }
  WeightFileWriter writer(path, std::move(entries), {});
  for (const WeightFileWriter::Entry& entry : writer.entries()) {
    writer.write(tensors_.at(entry.name).data);
  }
  writer.finish();
}

}  // namespace nestor
