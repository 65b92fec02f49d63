#include "apps/common/completion.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "apps/common/choices.h"
#include "engine/check.h"

namespace nestor {

namespace {

enum class Value { kNone, kFile, kWord, kOther };

struct Completed {
  std::vector<std::string> names;  // "-m", "--network"
  std::string help;
  Value value = Value::kNone;
  std::vector<std::string> words;  // of kWord

  std::string joined(std::string_view separator) const {
    return fmt::format("{}", fmt::join(names, separator));
  }
};

using Options = std::vector<Completed>;

Value value_of(const CLI::Option& option, const std::vector<std::string>& words) {
  if (!words.empty()) return Value::kWord;
  const std::string full = option.get_type_name(), type = full.substr(0, full.find(':'));
  if (type.empty() || type.starts_with('['))
    return Value::kNone;  // a flag, or no value behind a blank
  const bool file = type == "FILE" || type == "IMAGE" || type == "DIR" || type == "FOLDER";
  return file ? Value::kFile : Value::kOther;
}

Options options_of(const CLI::App& app) {
  Options options;
  for (const CLI::Option* const option : app.get_options()) {
    if (option->get_group().empty()) continue;
    Completed completed{.names = {}, .help = option->get_description(), .words = words_of(*option)};
    for (const std::string& name : option->get_snames()) completed.names.push_back("-" + name);
    for (const std::string& name : option->get_lnames()) completed.names.push_back("--" + name);
    completed.value = value_of(*option, completed.words);
    if (!completed.names.empty()) options.push_back(std::move(completed));
  }
  return options;
}

std::vector<const CLI::App*> subcommands(const CLI::App& app) { return app.get_subcommands({}); }

std::string function_name(const CLI::App& app) {
  std::string name = "_" + app.get_name();
  std::ranges::replace(name, '-', '_');
  return name;
}

// Within single quotes of all three shells.
std::string quoted(std::string text) {
  return "'" + CLI::detail::find_and_replace(std::move(text), "'", "'\\''") + "'";
}

// --- bash ---

std::string bash_values(const Options& options) {
  std::string cases;
  for (const Completed& option : options) {
    if (option.value == Value::kWord) {
      cases += fmt::format(
          "    {}) mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$current\"); return ;;\n",
          option.joined("|"), fmt::join(option.words, " "));
    } else if (option.value == Value::kFile) {
      cases +=
          fmt::format("    {}) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;;\n",
                      option.joined("|"));
    } else if (option.value == Value::kOther) {
      cases += fmt::format("    {}) COMPREPLY=(); return ;;\n", option.joined("|"));
    }
  }
  return cases;
}

std::string bash_names(const Options& options) {
  std::string names;
  for (const Completed& option : options) names += option.joined(" ") + " ";
  return names;
}

std::string bash_body(const CLI::App& app) {
  const Options options = options_of(app);
  return fmt::format(
      "  case $previous in\n{}  esac\n"
      "  if [[ $current == -* ]]; then mapfile -t COMPREPLY < <(compgen -W '{}' -- \"$current\"); "
      "else mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); fi\n",
      bash_values(options), bash_names(options));
}

std::string bash_script(const CLI::App& app) {
  std::string text = fmt::format(
      "{}() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}}\n"
      "  [[ $current == = ]] && current=  # --option=value is three words\n"
      "  [[ $previous == = ]] && previous=${{COMP_WORDS[COMP_CWORD-2]}}\n",
      function_name(app));
  std::string names;
  for (const CLI::App* const command : subcommands(app)) {
    text += fmt::format(
        "  if ((COMP_CWORD > 1)) && [[ ${{COMP_WORDS[1]}} == {} ]]; then\n{}  return; fi\n",
        command->get_name(), bash_body(*command));
    names += command->get_name() + " ";
  }
  text += names.empty()
              ? bash_body(app)
              : fmt::format("  mapfile -t COMPREPLY < <(compgen -W '{}{}' -- \"$current\")\n",
                            names, bash_names(options_of(app)));
  return text +
         fmt::format("}}\ncomplete -o filenames -F {} {}\n", function_name(app), app.get_name());
}

// --- zsh ---

std::string zsh_option(const Completed& option) {
  std::string action;
  if (option.value == Value::kWord)
    action = fmt::format(":value:({})", fmt::join(option.words, " "));
  if (option.value == Value::kFile) action = ":file:_files";
  if (option.value == Value::kOther) action = ":value: ";
  std::string text;
  for (const std::string& name : option.names) {
    text += " \\\n    " + quoted(fmt::format("*{}[{}]{}", name, option.help, action));
  }
  return text;
}

std::string zsh_arguments(const CLI::App& app) {
  std::string text = "  _arguments";
  for (Completed& option : options_of(app)) {
    for (const char special : {'[', ']', ':'}) {
      const std::string escaped = std::string("\\") + special;
      option.help = CLI::detail::find_and_replace(option.help, std::string(1, special), escaped);
    }
    text += zsh_option(option);
  }
  return text + " \\\n    '*:file:_files'\n";
}

std::string zsh_script(const CLI::App& app) {
  std::string text = fmt::format("#compdef {}\n", app.get_name());
  const auto commands = subcommands(app);
  if (commands.empty()) return text + zsh_arguments(app);
  text += "if ((CURRENT == 2)); then\n  local -a commands=(\n";
  for (const CLI::App* const command : commands) {
    text += fmt::format("    {}\n", quoted(command->get_name() + ":" + command->get_description()));
  }
  text += "  )\n  _describe command commands\n";
  for (const CLI::App* const command : commands) {
    text += fmt::format("elif [[ $words[2] == {} ]]; then\n{}", command->get_name(),
                        zsh_arguments(*command));
  }
  return text + "fi\n";
}

// --- fish ---

std::string fish_options(const CLI::App& app, const std::string& begin) {
  std::string text;
  for (const Completed& option : options_of(app)) {
    std::string line = begin;
    for (const std::string& name : option.names) {
      line += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
    }
    if (option.value == Value::kWord)
      line += fmt::format(" -xa '{}'", fmt::join(option.words, " "));
    if (option.value == Value::kFile) line += " -r -F";
    if (option.value == Value::kOther) line += " -x";
    text += line + " -d " + quoted(option.help) + "\n";
  }
  return text;
}

std::string fish_script(const CLI::App& app) {
  const std::string begin = "complete -c " + app.get_name();
  std::string text = fish_options(app, begin);
  for (const CLI::App* const command : subcommands(app)) {
    text += fmt::format("{} -n __fish_use_subcommand -xa {} -d {}\n", begin, command->get_name(),
                        quoted(command->get_description()));
    text += fish_options(*command, fmt::format("{} -n '__fish_seen_subcommand_from {}'", begin,
                                               command->get_name()));
  }
  return text;
}

}  // namespace

std::string completion_script(const CLI::App& app, std::string_view shell) {
  if (shell == "bash") return bash_script(app);
  if (shell == "zsh") return zsh_script(app);
  if (shell == "fish") return fish_script(app);
  fail(ErrorCode::kUsage, "--completion {}: expected bash, zsh or fish", shell);
}

}  // namespace nestor
