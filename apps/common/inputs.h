#pragma once
// What users name on the command line, as a list of image files.

#include <string>
#include <vector>

namespace nestor {

// The name that stands for one image on standard input.
inline constexpr std::string_view kStandardInput = "-";

// Files as they are; folders as the image files in them, by name; 'quoted*.globs' as what they
// match; @FILE as the names in it, one a line; "-" as itself. Throws kBadInput where a folder, glob
// or list yields nothing, kUsage where "-" occurs twice. A file that does not exist is kept: its
// own result says so.
std::vector<std::string> expand_inputs(const std::vector<std::string>& arguments);

}  // namespace nestor
