#include "engine/backends/cpu/onednn.h"

#include <catch2/catch.hpp>

#include "tests/support/weight_files.h"

namespace nestor::test {

TEST_CASE("errors of oneDNN become ours, with the step's name", "[cpu]") {
  const auto thrown = [](dnnl_status_t status) {
    return error_of([&] {
      cpu::with_errors("conv1", [&] { dnnl::error::wrap_c_api(status, "could not do it"); });
    });
  };
  const auto memory = thrown(dnnl_out_of_memory), other = thrown(dnnl_unimplemented);
  CHECK(memory.first == ErrorCode::kOutOfMemory);
  CHECK(other.first == ErrorCode::kInternal);
  for (const std::string& message : {memory.second, other.second}) {
    CHECK(message.find("conv1: ") == 0);
    CHECK(message.find("could not do it") != std::string::npos);
  }
  const auto [code, message] =
      error_of([] { cpu::with_errors("conv1", []() -> int { throw std::bad_alloc(); }); });
  CHECK(code == ErrorCode::kOutOfMemory);
  CHECK(message == "conv1: out of memory");
  CHECK(cpu::with_errors("conv1", [] { return 3; }) == 3);
}

}  // namespace nestor::test
