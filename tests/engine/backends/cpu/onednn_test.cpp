#include "engine/backends/cpu/onednn.h"

#include <catch2/catch.hpp>

#include "engine/backends/cpu/cpu_backend.h"
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

TEST_CASE("oneDNN keeps no primitives, of which one could be broken", "[cpu]") {
  cpu::engine();
  CHECK(dnnl::get_primitive_cache_capacity() == 0);
}

TEST_CASE("a weight that could not be packed is packed by the next plan", "[cpu]") {
  CpuBackend backend;
  const dnnl::memory::desc layout({4}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::x);
  const auto pack = [](const dnnl::memory::desc& desc) {
    return dnnl::memory(desc, cpu::engine());
  };
  const auto fails = [](const dnnl::memory::desc&) -> dnnl::memory { throw std::bad_alloc(); };
  CHECK_THROWS_AS(backend.packed("w", layout, fails), std::bad_alloc);
  CHECK(backend.weight_layout("w") == std::nullopt);
  const auto memory = backend.packed("w", layout, pack);
  CHECK(backend.weight_layout("w") == layout);
  CHECK(backend.packed("w", layout, fails) == memory);
  const dnnl::memory::desc other({5}, dnnl::memory::data_type::f32, dnnl::memory::format_tag::x);
  CHECK_THROWS_AS(backend.packed("w", other, fails), std::bad_alloc);
  CHECK(backend.packed("w", other, pack) != memory);
  CHECK(backend.weight_layout("w") == layout);
}

}  // namespace nestor::test
