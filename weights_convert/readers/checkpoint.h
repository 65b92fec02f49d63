#pragma once
// Where in a checkpoint the weights are: training scripts put the state dict beside other things.

#include <cstddef>
#include <string>
#include <vector>

#include "weights_convert/readers/pickle.h"
#include "weights_convert/readers/read_options.h"

namespace nestor {

// The dict of named tensors that the pickle is or holds, see read_state_dict. Throws kBadModel,
// naming the keys that are there, if it is not clear which one it is.
const PickleValue& find_state_dict(const Pickle& pickle, const ReadOptions& options,
                                   const std::string& file);

// The names of the classes from "class_to_idx", "idx_to_class" or "classes" beside the state dict;
// none if they are not there or make no sense. They never take more bytes than the file has.
std::vector<std::string> checkpoint_labels(const Pickle& pickle, std::size_t file_bytes);

}  // namespace nestor
