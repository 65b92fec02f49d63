#pragma once
// What is in a weight file, without converting it.

#include <optional>
#include <string>
#include <vector>

#include "weights_convert/source_file.h"

namespace nestor {

struct TensorSummary {
  std::optional<std::string> name;
  TensorDesc desc;
  std::string sha256;  // of the bytes in C order, in the file's own type
};

// One row a tensor, in the order of the file.
std::vector<TensorSummary> summarise(const SourceFile& file);

// {"format": "mxnet", "tensors": [{"name", "dtype", "shape", "sha256"}, ...]}, name null if the
// format has none.
std::string inspection_json(const SourceFile& file);

// The same as a table.
std::string inspection_text(const SourceFile& file);

}  // namespace nestor
