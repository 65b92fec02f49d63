#pragma once
// Classes and functions that training scripts leave in checkpoints beside the weights.

#include <string_view>

namespace nestor {

// Whether "module name" stands for data of Python, NumPy or PyTorch that mean nothing for weights.
// Nothing is ever imported or called either way: the list tells what a checkpoint may hold without
// its user being asked.
bool is_harmless_global(std::string_view module_and_name);

}  // namespace nestor
