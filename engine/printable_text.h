#pragma once
// Text from files and arguments on its way to a terminal. Control characters in it could set the
// window's title, colours and keys, or make one line look like another. Output as JSON escapes them
// by itself and needs nothing from here.

#include <string>
#include <string_view>

namespace nestor {

// One piece of text (a label, a tensor's name, a file name) on one line: control characters as
// \n, \t and \x1b, those beyond ASCII (C1, line separators, directions of writing) as \u202e, bytes
// that are not UTF-8 as \xff. All other text stays as it is, a backslash too.
std::string printable(std::string_view text);

// The same for a whole message, whose line breaks and tabs are its own and stay.
std::string printable_lines(std::string_view text);

// For messages: the beginning of a text of any length, and a name from a file in quotes.
std::string shortened(std::string_view text);
std::string quoted_name(std::string_view name);

}  // namespace nestor
