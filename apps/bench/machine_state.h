#pragma once
// What the machine and this process are at, and what they are.

#include <cstddef>
#include <string>
#include <string_view>

namespace nestor::bench {

// The most memory that this process has had resident.
std::size_t peak_process_bytes();

// Programs that want a processor, on average over the last minute; 0 if the system does not say.
double load_average();

// "2026-11-30T12:34:56Z"
std::string utc_now();

// What the rows of a device were measured with.
struct DeviceDescription {
  std::string name;    // "NVIDIA H200", "AMD EPYC 9B45 64-Core Processor, avx512_core"
  std::string driver;  // of GPUs: "550.54.15"; else empty
};

// Of a device of this machine, as rows name it: "cpu", "cuda:0".
DeviceDescription describe_device(std::string_view device);

}  // namespace nestor::bench
