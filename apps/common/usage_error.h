#pragma once
// Messages for arguments that cannot be understood.

#include <CLI/CLI.hpp>
#include <string>

namespace nestor {

// What is wrong, in one line: an unknown option or subcommand is named first, with the one that was
// probably meant, as other errors follow from it.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

// Throws CLI::ValidationError for an option with an empty value, as a shell makes of "$UNSET".
void refuse_empty_values(const CLI::App& app);

}  // namespace nestor
