#include "apps/common/command.h"

#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <new>
#include <optional>
#include <string_view>

#include "apps/common/completion.h"
#include "apps/common/messages.h"
#include "apps/common/standard_streams.h"
#include "apps/common/usage_error.h"
#include "nestor/error.h"
#include "nestor/version.h"

namespace nestor {

namespace {

constexpr int kUsageExit = 2;

int report(const CLI::App& app, std::string_view message, int code) {
  print_message(app.get_name(), message);
  return code;
}

// Before anything else is parsed, as commands may have arguments that they need.
std::optional<std::string_view> wanted_completion(int argc, char** argv) {
  if (argc != 3 || std::string_view(argv[1]) != "--completion") return std::nullopt;
  return argv[2];
}

int parse_and_run(CLI::App& app, int argc, char** argv, const std::function<int()>& work) {
  if (const auto shell = wanted_completion(argc, argv)) {
    fmt::print("{}", completion_script(app, *shell));
    return 0;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}\n", version_text());
    return 0;
  }
  refuse_empty_values(app);
  return work();
}

// Results that did not reach the disk or the pipe are not a success.
int finished(const CLI::App& app, int code) {
  if (std::fflush(stdout) != 0) return report(app, "cannot write to standard output", 1);
  return code;
}

}  // namespace

std::string version_text() {
  const VersionInfo version = version_info();
  return fmt::format("nestor {} (commit {})\ncompiler {}\noneDNN {}", version.version,
                     version.commit, version.compiler, version.onednn);
}

int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work,
                std::vector<HelpRow> environment) {
  occupy_standard_descriptors();
  set_help_format(app, std::move(environment));
  app.set_version_flag("--version", version_text, "Print version, compiler, oneDNN and commit");
  try {
    return finished(app, parse_and_run(app, argc, argv, work));
  } catch (const CLI::ParseError& error) {
    report(app, usage_message(app, error), kUsageExit);
    return report(app, "try --help", kUsageExit);
  } catch (const Error& error) {
    return report(app, error.what(), exit_code(error.code()));
  } catch (const std::bad_alloc&) {
    return report(app, "out of memory", exit_code(ErrorCode::kOutOfMemory));
  } catch (const std::exception& error) {
    return report(app, error.what(), exit_code(ErrorCode::kInternal));
  }
}

}  // namespace nestor
