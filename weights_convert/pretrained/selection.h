#pragma once
// Which of the official weights a user means.

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "weights_convert/official_files.h"

namespace nestor {

// By whatever is unique about it, the list's first if it is not: what people call it
// (is_called), the network, the file's name with or without extension, or 8 digits of the hash.
// Throws kUsage if there is none.
const OfficialFile& select_by_name(std::span<const OfficialFile> files, std::string_view name);

// Stands for the first weights of a network.
inline constexpr std::string_view kAnyWeights = "any";

// Of one network (empty: all; a name as timm has it: the weights of that name) the first whose
// source ("timm"), tag ("in1k"), hash or name `which` is, or kAnyWeights. Throws kUsage, listing
// what the network has.
const OfficialFile& select_for_network(std::span<const OfficialFile> files,
                                       std::string_view network, std::string_view which);

// --pretrained takes a value or none, which no option parser can tell from the photo that follows.
// Here an argument after it is its value if it can only be one: a source, 8 or more hexadecimal
// digits, or a plain word that is not the name of a file. It is joined to the option with "=";
// if there is none, the option becomes "--pretrained=any".
std::vector<std::string> join_pretrained_value(std::span<const std::string_view> arguments);

}  // namespace nestor
