# The PTX machine, linked in the place of the CUDA runtime (NESTOR_PTX): it runs the PTX that lies in
# the programs as text, that of the architecture which PTX_SM names.
foreach(architecture IN LISTS CMAKE_CUDA_ARCHITECTURES)
  if(NOT architecture MATCHES "^[0-9]+-virtual$")
    message(FATAL_ERROR "the PTX machine runs PTX, such as 80-virtual, and not "
      "CMAKE_CUDA_ARCHITECTURES=${CMAKE_CUDA_ARCHITECTURES}")
  endif()
endforeach()
string(APPEND CMAKE_CUDA_FLAGS " --no-compress")

nestor_sources(ptx_machine_sources tests/ptx/machine)
add_library(nestor_ptx_machine SHARED ${ptx_machine_sources})
target_include_directories(nestor_ptx_machine SYSTEM PRIVATE ${NESTOR_TOOLKIT}/include)
# Registers are 32 lanes side by side, worked on by AVX2; floating point as PTX says, to the bit.
target_compile_options(nestor_ptx_machine PRIVATE
  -O3 -g1 -mavx2 -mfma -mf16c -mbmi -mbmi2 -mlzcnt -mpopcnt
  -fno-strict-aliasing -fno-math-errno -fno-trapping-math)
target_link_libraries(nestor_ptx_machine PRIVATE nestor_flags Threads::Threads)

if(NESTOR_TESTS)
  find_package(Catch2 REQUIRED)
  nestor_sources(ptx_test_sources tests/ptx/tests)
  add_executable(nestor_ptx_tests ${ptx_test_sources} tests/support/main.cpp)
  target_include_directories(nestor_ptx_tests SYSTEM PRIVATE ${NESTOR_TOOLKIT}/include)
  target_link_libraries(nestor_ptx_tests PRIVATE nestor_ptx_machine nestor_flags Catch2::Catch2)
endif()
