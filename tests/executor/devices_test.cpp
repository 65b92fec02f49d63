// The list of GPUs, of an emulated library.

#include <catch2/catch.hpp>

#include "engine/backends/cuda/cuda_backend.h"
#include "tests/simt/support/device_library.h"

namespace nestor {

namespace {

const DeviceLibrary& library() { return *nestor_device_library(kDeviceLibraryVersion); }

}  // namespace

TEST_CASE("devices: a GPU is listed with its architecture and memory", "[devices]") {
  simt::set_device_options({.sm = 80});
  const std::vector<DeviceInfo> gpus = list_gpus(library(), "simt");
  REQUIRE(gpus.size() == 1);
  CHECK(gpus[0].name == "simt:0");
  CHECK(gpus[0].architecture == "sm_80");
  CHECK_FALSE(gpus[0].description.empty());
  CHECK(gpus[0].memory_bytes > 0);
  CHECK(gpus[0].free_bytes > 0);
  CHECK(gpus[0].free_bytes <= gpus[0].memory_bytes);
  CHECK(gpus[0].why_unusable == "");
}

TEST_CASE("devices: a GPU that cannot be used is listed with the reason", "[devices]") {
  simt::set_device_options({.sm = 80});
  simt::fail_next_open(DeviceCode::kFailed);
  const DeviceInfo failed = list_gpus(library(), "simt").at(0);
  CHECK(failed.name == "simt:0");
  CHECK(failed.why_unusable != "");
  CHECK(list_gpus(library(), "simt").at(0).why_unusable == "");
}

}  // namespace nestor
