#include "apps/common/usage_error.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/nearest_names.h"

namespace nestor {

namespace {

// The subcommand that was named, else the command.
const CLI::App& chosen(const CLI::App& app) {
  const std::vector<CLI::App*> commands = app.get_subcommands();
  return commands.empty() ? app : *commands.back();
}

std::vector<std::string> option_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::Option* const option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    for (const std::string& name : option->get_snames()) names.push_back("-" + name);
  }
  return names;
}

std::vector<std::string> command_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* const command : app.get_subcommands({})) {
    names.push_back(command->get_name());
  }
  return names;
}

// The option that takes one value and was given several; null: none.
const CLI::Option* repeated_option(const CLI::App& app) {
  for (const CLI::Option* const option : app.get_options()) {
    if (option->get_expected_max() <= 1 && option->count() > 1) return option;
  }
  return nullptr;
}

bool is_option(const std::string& argument) {
  return argument.size() > 1 && argument.starts_with('-');
}

std::string unknown_option(const CLI::App& app, const std::string& argument) {
  const std::string name = argument.substr(0, argument.find('='));
  return fmt::format("no option {}{}", name, did_you_mean(name, option_names(app)));
}

std::string unknown_command(const CLI::App& app, const std::string& name) {
  const std::vector<std::string> names = command_names(app);
  const std::string meant = did_you_mean(name, names);
  return fmt::format("no subcommand {}{}", name,
                     meant.empty() ? "; there are " + CLI::detail::join(names, ", ") : meant);
}

}  // namespace

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = app.remaining(/*recurse=*/true);
  const auto option = std::ranges::find_if(unknown, is_option);
  if (option != unknown.end()) return unknown_option(chosen(app), *option);
  const bool needs_command = app.get_require_subcommand_min() > 0 && app.get_subcommands().empty();
  if (needs_command && !unknown.empty()) return unknown_command(app, unknown.front());
  if (needs_command) {
    return fmt::format("a subcommand is needed: {}", CLI::detail::join(command_names(app), ", "));
  }
  if (!unknown.empty()) return fmt::format("unexpected argument {}", unknown.front());
  if (const CLI::Option* const repeated = repeated_option(chosen(app))) {
    return fmt::format("{} is given more than once", repeated->get_name());
  }
  return error.what();
}

void refuse_empty_values(const CLI::App& app) {
  for (const CLI::Option* const option : app.get_options()) {
    // A positional argument is one of several inputs, and an error of its own.
    if (option->get_positional() || option->get_type_size() == 0) continue;
    const std::vector<std::string>& values = option->results();
    const bool empty = std::ranges::any_of(values, [](const auto& v) { return v.empty(); });
    if (empty) throw CLI::ValidationError(option->get_name(), "the value is empty");
  }
  for (const CLI::App* const command : app.get_subcommands()) refuse_empty_values(*command);
}

}  // namespace nestor
