#include "apps/bench/serve.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <ctime>
#include <fstream>

#include "engine/check.h"
#include "engine/session_internals.h"

namespace nestor::bench {

namespace {

double processor_ms() { return 1e3 * static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::vector<double> time_on_cpu(Workload& workload, int count) {
  std::vector<double> times;
  for (int i = 0; i < count; ++i) {
    const double start = processor_ms();
    times.push_back(SessionInternals::time_run(workload.session(), workload.input()).total_ms);
    times.push_back(processor_ms() - start);
  }
  return times;
}

std::vector<double> time_on_gpu(Workload& workload, int count) {
  Session& session = workload.session();
  const double device_ms = SessionInternals::time_run(session, workload.input(), count).compute_ms;
  double host_ms = 0;
  for (int i = 0; i < count; ++i) {
    host_ms += SessionInternals::time_run(session, workload.input()).total_ms / count;
  }
  return {device_ms, host_ms};
}

int parse_count(const std::string& text) {
  int count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  CHECK_AS(kUsage, error == std::errc() && end == text.data() + text.size() && count >= 1,
           "'run {}', expected a number of runs", text);
  return count;
}

void write_output(Workload& workload, const std::string& path) {
  const TensorView output = workload.session().run(workload.input())[0].tensor;
  std::ofstream file(path, std::ios::binary);
  file.write(output.as<char>(), static_cast<std::streamsize>(output.bytes()));
  CHECK_AS(kInternal, file.good(), "{}: cannot be written", path);
}

std::string answer(Workload& workload, const std::string& command, const std::string& argument) {
  if (command == "run") {
    const int count = parse_count(argument);
    const bool on_cpu = workload.session().device() == "cpu";
    return fmt::format(
        "{}", fmt::join(on_cpu ? time_on_cpu(workload, count) : time_on_gpu(workload, count), " "));
  }
  if (command == "input") {
    workload.read_values(argument);
    return "ok";
  }
  CHECK_AS(kUsage, command == "output", "unknown command '{}'", command);
  write_output(workload, argument);
  return fmt::format("ok {}", workload.input().desc.shape[0]);
}

}  // namespace

void serve(Workload& workload, std::istream& commands) {
  for (std::string line; std::getline(commands, line);) {
    const std::string command = line.substr(0, line.find(' '));
    const std::string argument = line.substr(std::min(line.size(), command.size() + 1));
    fmt::print("{}\n", answer(workload, command, argument));
    std::fflush(stdout);
  }
}

}  // namespace nestor::bench
