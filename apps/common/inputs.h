#pragma once
// What users name on the command line, as a list of image files.

#include <string>
#include <string_view>
#include <vector>

namespace nestor {

// The name that stands for one image on standard input.
inline constexpr std::string_view kStandardInput = "-";

struct Inputs {
  std::vector<std::string> names;
  std::vector<std::string>
      notes;  // one a folder of which files are left out: how many of which kind
};

// Files as they are; folders as the image files in them and, if `recursive`, in the folders below,
// sorted by path, without hidden ones; 'quoted*.globs' with * or ? as what they match; @FILE as
// the names in it, one a line; "-" as itself. Throws kBadInput if a folder, glob or list yields nothing, kUsage
// if "-" occurs twice. A file that does not exist is kept: its own result says so.
Inputs expand_inputs(const std::vector<std::string>& arguments, bool recursive = true);

}  // namespace nestor
