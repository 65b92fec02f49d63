#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>

#include "apps/bench/schedule.h"

namespace nestor::bench {

namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

// Of all processors, what the hypervisor took included: the first line of /proc/stat is
// "cpu user nice system idle iowait irq softirq steal ...", in ticks.
double machine_seconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0, idle = 0, waiting = 0, irq = 0, soft = 0, stolen = 0;
  file >> cpu >> user >> nice >> system >> idle >> waiting >> irq >> soft >> stolen;
  return (user + nice + system + irq + soft + stolen) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

ProcessorTimes processor_times() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {.machine = machine_seconds(), .own = seconds(usage.ru_utime) + seconds(usage.ru_stime)};
}

double now_ms() {
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace

Clocks system_clocks() { return {.now_ms = now_ms, .processors = processor_times}; }

}  // namespace nestor::bench
