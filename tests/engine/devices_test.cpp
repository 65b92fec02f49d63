#include <catch2/catch.hpp>

#include "engine/backend.h"

namespace nestor {

TEST_CASE("the CPU ends the list of devices, and can be opened by its name", "[devices][cpu]") {
  const DeviceList list = list_devices();
  REQUIRE_FALSE(list.devices.empty());
  const DeviceInfo& cpu = list.devices.back();
  CHECK(cpu.name == "cpu");
  CHECK_FALSE(cpu.description.empty());
  CHECK_FALSE(cpu.architecture.empty());
  CHECK(cpu.memory_bytes > (std::uint64_t{1} << 20));
  CHECK(cpu.free_bytes <= cpu.memory_bytes);
  CHECK(cpu.why_unusable == "");
  CHECK(open_backend(cpu.name)->name() == "cpu");
}

TEST_CASE("either a GPU is listed or the reason why there is none", "[devices][cpu]") {
  const DeviceList list = list_devices();
  bool usable = false;
  for (const DeviceInfo& device : list.devices) {
    usable |= device.name != "cpu" && device.why_unusable.empty();
  }
  CHECK(usable == list.why_no_gpu.empty());
}

}  // namespace nestor
