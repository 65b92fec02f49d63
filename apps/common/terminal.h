#pragma once
// Terminals, and text that fits them.

#include <cstddef>
#include <string>
#include <string_view>

namespace nestor {

// Columns of the terminal that the descriptor belongs to; else $COLUMNS, else 80.
std::size_t terminal_columns(int descriptor);

// `text` broken at spaces into lines of at most `columns` characters, the first of which begins in
// column `begun`; all others are indented by `indent` spaces. Longer words stay whole. Line breaks
// in `text` are kept.
std::string wrapped(std::string_view text, std::size_t columns, std::size_t indent,
                    std::size_t begun);

}  // namespace nestor
