#include "apps/bench/machine_state.h"

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <sstream>

#include "nestor/device.h"

namespace nestor::bench {

namespace {

// "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue ...", or "... Open Kernel Module
// for x86_64  550.54.15 ...": the first word that begins with a digit.
std::string nvidia_driver() {
  std::ifstream file("/proc/driver/nvidia/version");
  std::string line;
  std::getline(file, line);
  std::istringstream words(line);
  for (std::string word; words >> word;) {
    if (word[0] >= '0' && word[0] <= '9') return word;
  }
  return "";
}

}  // namespace

std::size_t peak_process_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<std::size_t>(usage.ru_maxrss) * 1024;
}

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[sizeof "2026-11-30T12:34:56Z"];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

DeviceDescription describe_device(std::string_view device) {
  const DeviceList list = list_devices();
  const auto found = std::ranges::find(list.devices, device, &DeviceInfo::name);
  if (found == list.devices.end()) return {};
  return {found->description + ", " + found->architecture, device == "cpu" ? "" : nvidia_driver()};
}

}  // namespace nestor::bench
