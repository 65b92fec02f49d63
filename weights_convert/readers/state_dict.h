#pragma once
// From a pickled state dict to tensors: which of a checkpoint's tensors are the weights, and where
// their bytes lie.

#include <cstddef>
#include <functional>
#include <span>

#include "weights_convert/readers/pickle.h"
#include "weights_convert/readers/read_options.h"
#include "weights_convert/source_file.h"

namespace nestor {

// Where the bytes of a storage lie; throws kBadModel if there are none of that key and size.
using StorageFinder = std::function<std::span<const std::byte>(const PickledStorage&)>;

// Puts the named tensors of the state dict that the pickle is or holds into `source`, in its order,
// as views of their storages; beside them what else the checkpoint says (labels, objects in the
// place of tensors). The state dict is found under "state_dict", "model" or, preferred as in timm,
// "..._ema"; else it is the pickle itself, or the one dict whose names options.explains.
// Throws kBadModel, naming file and reason. file_bytes bounds what repeated and expanded tensors
// may add up to.
void read_state_dict(const Pickle& pickle, const StorageFinder& find, std::size_t file_bytes,
                     const ReadOptions& options, SourceFile& source);

}  // namespace nestor
