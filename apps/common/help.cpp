#include "apps/common/help.h"

#include <unistd.h>

#include <algorithm>
#include <span>

#include "apps/common/terminal.h"

namespace nestor {

namespace {

constexpr std::size_t kNarrow = 60;      // terminals where meanings go below the names
constexpr std::size_t kWidest = 100;     // longer lines are hard to read
constexpr std::size_t kNameColumn = 30;  // at which meanings begin
constexpr std::size_t kNarrowIndent = 6;

constexpr HelpRow kExitCodes[] = {
    {"0", "success"},
    {"1", "internal error, or the system refused (disk full, closed pipe)"},
    {"2", "usage"},
    {"3", "bad input: an image or another file that cannot be read"},
    {"4", "bad model: weights that are damaged or do not fit the network"},
    {"5", "device, precision or memory that this machine does not have"},
    {"6", "some inputs failed, the others have results"},
};

std::size_t columns() { return std::min(terminal_columns(STDOUT_FILENO), kWidest); }

std::string row(const std::string& name, std::string_view meaning) {
  const std::size_t width = columns();
  std::string text = "  " + name;
  if (meaning.empty()) return text + "\n";
  const std::size_t indent = width < kNarrow ? kNarrowIndent : kNameColumn;
  std::size_t begun = text.size();
  if (begun + 2 > indent) {
    text += '\n';
    begun = 0;
  }
  return text + wrapped(meaning, width, indent, begun) + "\n";
}

std::string table(std::string_view title, std::span<const HelpRow> rows) {
  std::string text = std::string(title) + ":\n";
  for (const auto& [name, meaning] : rows) text += row(std::string(name), meaning);
  return text;
}

// Lines that begin with spaces are commands, to be copied whole.
std::string paragraphs(const std::string& text) {
  std::string result;
  for (const std::string& line : CLI::detail::split(text, '\n')) {
    result += (line.starts_with(' ') ? line : wrapped(line, columns(), 0, 0)) + "\n";
  }
  return result;
}

class Format : public CLI::Formatter {
 public:
  Format() { label("Positionals", "Arguments"); }

  std::string make_description(const CLI::App* app) const override {
    return paragraphs(app->get_description());
  }

  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override {
    std::string text = CLI::Formatter::make_help(app, std::move(name), mode);
    for (std::size_t at = 0; (at = text.find("\n\n\n", at)) != std::string::npos;) {
      text.erase(at, 1);
    }
    return text;
  }

  std::string make_usage(const CLI::App* app, std::string name) const override {
    return "\n" + CLI::Formatter::make_usage(app, std::move(name));
  }

  std::string make_option(const CLI::Option* option, bool is_positional) const override {
    return row(make_option_name(option, is_positional) + make_option_opts(option),
               make_option_desc(option) + remarks(option));
  }

  std::string make_option_name(const CLI::Option* option, bool is_positional) const override {
    if (is_positional) return option->get_name(true, false);
    const std::string names = option->get_name(false, true);
    return CLI::detail::find_and_replace(names, ",", ", ");
  }

  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0) return "";
    // Behind a colon CLI11 names what checks the value, in its own terms.
    const std::string type = option->get_type_name();
    std::string name = type.substr(0, type.find(':'));
    if (name == "INT" || name == "UINT") name = "N";
    if (name == "FLOAT") name = "X";
    return (name.starts_with('[') ? "" : " ") + name;
  }

  std::string make_subcommand(const CLI::App* command) const override {
    return row(command->get_name(), command->get_description());
  }

 private:
  static std::string remarks(const CLI::Option* option) {
    std::string text;
    const auto add = [&](const std::string& remark) {
      text += (text.empty() ? " (" : "; ") + remark;
    };
    if (!option->get_default_str().empty()) add("default: " + option->get_default_str());
    if (!option->get_envname().empty()) add("or $" + option->get_envname());
    for (const CLI::Option* other : option->get_needs()) add("needs " + other->get_name());
    for (const CLI::Option* other : option->get_excludes()) add("not with " + other->get_name());
    return text.empty() ? text : text + ")";
  }
};

}  // namespace

void set_help_format(CLI::App& app, std::vector<HelpRow> environment) {
  const auto format = std::make_shared<Format>();
  const auto footer = [environment] {
    const std::string variables = environment.empty() ? "" : table("\nEnvironment", environment);
    return table("Exit codes", kExitCodes) + variables;
  };
  std::vector<CLI::App*> all = app.get_subcommands({});
  all.push_back(&app);
  for (CLI::App* const command : all) {
    command->formatter(format);
    command->set_help_flag("-h,--help", "Print this help");
    command->footer(footer);
  }
}

}  // namespace nestor
