#pragma once
// From a pickled state dict to tensors: which of a checkpoint's tensors are the weights, and where
// their bytes lie.

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weights_convert/readers/pickle.h"
#include "weights_convert/source_file.h"

namespace nestor {

// Where the bytes of a storage lie; throws kBadModel where there are none of that key and size.
using StorageFinder = std::function<std::span<const std::byte>(const PickledStorage&)>;

// The named tensors of the state dict that the pickle is or holds, in its order, as views of their
// storages. Checkpoints hold it under "state_dict", "model" or, preferred as in timm, "..._ema".
// Throws kBadModel, naming file and reason. file_bytes bounds what repeated and expanded tensors
// may add up to.
std::vector<SourceTensor> state_dict_tensors(const Pickle& pickle, const StorageFinder& find,
                                             std::size_t file_bytes, const std::string& file);

}  // namespace nestor
