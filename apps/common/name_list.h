#pragma once
// Lists of file names in text files.

#include <string>
#include <vector>

namespace nestor {

// The names in a text file, one a line. Empty lines, a byte order mark and carriage returns at the
// ends of lines are not part of them. Throws kBadInput for a file that cannot be read, holds a NUL,
// a line longer than any path or more than ten million names, and for one without names.
std::vector<std::string> read_name_list(const std::string& path);

}  // namespace nestor
