#include "weights_convert/inspect.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "engine/digest.h"
#include "engine/printable_text.h"

namespace nestor {

std::vector<TensorSummary> summarise(const SourceFile& file) {
  std::vector<TensorSummary> rows;
  std::vector<std::byte> scratch;
  for (const SourceTensor& tensor : file.tensors) {
    rows.push_back({.name = tensor.name,
                    .desc = {tensor.dtype, tensor.shape},
                    .sha256 = sha256_hex(contiguous(tensor, scratch))});
  }
  return rows;
}

std::string inspection_json(const SourceFile& file) {
  nlohmann::ordered_json root = {{"format", file.format}, {"tensors", nlohmann::json::array()}};
  for (const TensorSummary& row : summarise(file)) {
    nlohmann::ordered_json tensor;
    tensor["name"] = nullptr;
    if (row.name) tensor["name"] = *row.name;
    tensor["dtype"] = to_string(row.desc.dtype);
    tensor["shape"] = row.desc.shape.dims();
    tensor["sha256"] = row.sha256;
    root["tensors"].push_back(std::move(tensor));
  }
  return root.dump(1) + "\n";
}

std::string inspection_text(const SourceFile& file) {
  std::string text = fmt::format("format {}, {} tensors\n", file.format, file.tensors.size());
  for (const TensorSummary& row : summarise(file)) {
    text += fmt::format("{:48} {:9} {:20} {}\n", printable(printable(row.name.value_or("-"))),
                        to_string(row.desc.dtype), row.desc.shape.to_string(), row.sha256);
  }
  return text;
}

}  // namespace nestor
