#include "apps/common/command.h"

#include <fmt/core.h>

#include <cstdio>
#include <exception>
#include <new>

#include "nestor/error.h"
#include "nestor/version.h"

namespace nestor {

namespace {

constexpr int kUsageExit = 2;

int report(const CLI::App& app, std::string_view message, int code) {
  fmt::print(stderr, "{}: {}\n", app.get_name(), message);
  return code;
}

}  // namespace

std::string version_text() {
  const VersionInfo version = version_info();
  return fmt::format("nestor {} (commit {})\ncompiler {}\noneDNN {}", version.version,
                     version.commit, version.compiler, version.onednn);
}

int run_command(CLI::App& app, int argc, char** argv, const std::function<int()>& work) {
  app.set_version_flag("--version", version_text, "Print version, compiler, oneDNN and commit");
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
    return 0;
  } catch (const CLI::CallForVersion&) {
    fmt::print("{}\n", version_text());
    return 0;
  } catch (const CLI::ParseError& error) {
    report(app, error.what(), kUsageExit);
    fmt::print(stderr, "Try '{} --help'.\n", app.get_name());
    return kUsageExit;
  }
  try {
    const int code = work();
    // Results that did not reach the disk or the pipe are not a success.
    if (std::fflush(stdout) != 0) return report(app, "cannot write to standard output", 1);
    return code;
  } catch (const Error& error) {
    return report(app, error.what(), exit_code(error.code()));
  } catch (const std::bad_alloc&) {
    return report(app, "out of memory", exit_code(ErrorCode::kOutOfMemory));
  } catch (const std::exception& error) {
    return report(app, error.what(), exit_code(ErrorCode::kInternal));
  }
}

}  // namespace nestor
