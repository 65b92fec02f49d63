# Kernel sources, compiled for GPUs by nvcc (NESTOR_CUDA) and for the emulator by the host compiler
# (NESTOR_SIMT). The same files, unchanged; NESTOR_SIMT=0 or 1 tells them for which.

if((NESTOR_CUDA OR NESTOR_SIMT) AND NOT EXISTS ${NESTOR_TOOLKIT}/complete)
  message(FATAL_ERROR "no CUDA toolkit in ${NESTOR_TOOLKIT}: run kernels/install_toolkit.sh")
endif()

file(GLOB_RECURSE kernel_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/kernels/*.cu)
list(FILTER kernel_sources EXCLUDE REGEX "^kernels/runtime/")
file(GLOB test_kernel_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/tests/simt/kernels/*.cu)
file(GLOB conformance_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
  ${CMAKE_SOURCE_DIR}/tests/simt/conformance/*.cpp)

# --- what tests of kernels are compared with ------------------------------------------------------
# The oracles of the engine's ops: of the engine this needs the ops' contracts and what they include,
# not the backends.
if(NESTOR_SIMT OR (NESTOR_CUDA AND NESTOR_TESTS))
  find_package(Catch2 REQUIRED)
  file(GLOB op_names RELATIVE ${CMAKE_SOURCE_DIR}/engine/ops ${CMAKE_SOURCE_DIR}/engine/ops/*)
  set(oracle_sources)
  foreach(op IN LISTS op_names)
    if(EXISTS ${CMAKE_SOURCE_DIR}/engine/ops/${op}/${op}.cpp)
      list(APPEND oracle_sources engine/ops/${op}/${op}.cpp)
    endif()
  endforeach()
  add_library(nestor_oracles STATIC ${oracle_sources}
    engine/boxes/anchors.cpp engine/image/resize_align_corners.cpp
    engine/ops/convolution/problem.cpp engine/plan/plan.cpp
    engine/graph/graph.cpp engine/graph/builder.cpp engine/layout.cpp engine/nearest_names.cpp
    engine/tensor.cpp
    engine/error.cpp)
  target_link_libraries(nestor_oracles PUBLIC nestor_flags fmt::fmt)

  nestor_sources(kernel_test_sources tests/kernels)
  list(APPEND kernel_test_sources
    tests/support/main.cpp tests/support/compare.cpp tests/support/random.cpp)
endif()

# --- GPUs -------------------------------------------------------------------------------------
if(NESTOR_CUDA)
  if(NOT CMAKE_CUDA_ARCHITECTURES)
    # Newer GPUs get what the driver makes of 80-virtual.
    set(CMAKE_CUDA_ARCHITECTURES 70-real 75-real 80-real 80-virtual 86-real 89-real 90a-real)
  endif()
  enable_language(CUDA)
  # The runtime of all that is linked below: NVIDIA's, or the PTX machine in its place.
  set(cuda_runtime Static)
  set(cuda_runtime_library)
  if(NESTOR_PTX)
    include(tests/ptx/ptx.cmake)
    set(cuda_runtime None)
    set(cuda_runtime_library nestor_ptx_machine)
  endif()
  add_library(nestor_cuda_flags INTERFACE)
  target_include_directories(nestor_cuda_flags INTERFACE ${CMAKE_SOURCE_DIR})
  target_compile_definitions(nestor_cuda_flags INTERFACE NESTOR_SIMT=0)
  target_compile_options(nestor_cuda_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings;-Xcompiler=-Wall,-Wextra,-Werror,-ffp-contract=off>
    $<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Werror>)

  # Resized scores are exact: without fused multiply-adds.
  set_source_files_properties(
    kernels/class_map/class_map.cu kernels/resize_bilinear/resize_bilinear.cu
    PROPERTIES COMPILE_OPTIONS "--fmad=false")

  # Two CUDA runtimes in one process must not see each other: everything but the door is hidden.
  add_library(nestor_cuda_kernels OBJECT ${kernel_sources} kernels/runtime/cuda_runtime.cu)
  set_target_properties(nestor_cuda_kernels PROPERTIES
    CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_VISIBILITY_PRESET hidden)
  target_link_libraries(nestor_cuda_kernels PRIVATE nestor_cuda_flags)
  add_library(nestor_cuda SHARED $<TARGET_OBJECTS:nestor_cuda_kernels> kernels/runtime/library.cpp)
  set_target_properties(nestor_cuda PROPERTIES
    LINKER_LANGUAGE CUDA CUDA_RUNTIME_LIBRARY ${cuda_runtime}
    CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  target_link_options(nestor_cuda PRIVATE LINKER:--exclude-libs,ALL)
  target_link_libraries(nestor_cuda PRIVATE nestor_cuda_flags ${cuda_runtime_library})
  install(TARGETS nestor_cuda LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT runtime)

  # On the GPU at hand: the conformance tests of tests/simt, and the kernels against the oracles.
  if(NESTOR_TESTS)
    add_executable(nestor_device_tests ${test_kernel_sources} kernels/runtime/cuda_runtime.cu
      ${conformance_sources} tests/simt/support/cuda_device.cpp tests/support/main.cpp)
    set_target_properties(nestor_device_tests PROPERTIES
      CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_RUNTIME_LIBRARY ${cuda_runtime})
    target_link_libraries(nestor_device_tests PRIVATE
      nestor_cuda_flags Catch2::Catch2 ${cuda_runtime_library})

    set(gpu_test_sources ${kernel_test_sources})
    list(FILTER gpu_test_sources EXCLUDE REGEX "^tests/kernels/(emulated_devices|counters_test)")
    add_executable(nestor_device_kernel_tests
      ${gpu_test_sources} $<TARGET_OBJECTS:nestor_cuda_kernels>)
    set_target_properties(nestor_device_kernel_tests PROPERTIES
      LINKER_LANGUAGE CUDA CUDA_RUNTIME_LIBRARY ${cuda_runtime})
    target_include_directories(nestor_device_kernel_tests PRIVATE tests/simt)
    target_link_libraries(nestor_device_kernel_tests PRIVATE
      nestor_oracles Catch2::Catch2 ${cuda_runtime_library})
  endif()
endif()

# --- the emulator -----------------------------------------------------------------------------
if(NESTOR_SIMT)
  find_package(Boost REQUIRED COMPONENTS context)

  add_library(nestor_simt_flags INTERFACE)
  target_include_directories(nestor_simt_flags INTERFACE ${CMAKE_SOURCE_DIR}/tests/simt)
  target_include_directories(nestor_simt_flags SYSTEM INTERFACE ${NESTOR_TOOLKIT}/include)
  target_compile_definitions(nestor_simt_flags INTERFACE
    NESTOR_SIMT=1 $<$<BOOL:${NESTOR_SIMT_RACE}>:NESTOR_SIMT_RACE>)
  # Messages name source lines; the race build's find them by address.
  # GCC 12 warns of overlap within std::string where there is none.
  target_compile_options(nestor_simt_flags INTERFACE -g1 -Wno-restrict)
  target_link_libraries(nestor_simt_flags INTERFACE nestor_flags)

  nestor_sources(simt_sources tests/simt/emulator)
  add_library(nestor_simt STATIC ${simt_sources})
  target_link_libraries(nestor_simt
    PUBLIC nestor_simt_flags PRIVATE Boost::context Threads::Threads ${CMAKE_DL_LIBS})

  # nestor_emulated_kernels(NAME SOURCE...): a library of kernel files.
  function(nestor_emulated_kernels name)
    add_library(${name} STATIC ${ARGN})
    set_source_files_properties(${ARGN} PROPERTIES LANGUAGE CXX)
    set_target_properties(${name} PROPERTIES CXX_STANDARD 17)
    # Kernels read memory as several types, as on a GPU. The pattern shows accumulators that nobody
    # zeroed. Loads and stores must stay as wide as the source says, for checks and counters.
    target_compile_options(${name} PRIVATE
      -fno-strict-aliasing -ftrivial-auto-var-init=pattern -Wno-unknown-pragmas -Wno-psabi)
    target_link_libraries(${name} PUBLIC nestor_simt)
    if(NESTOR_SIMT_RACE)
      target_compile_options(${name} PRIVATE
        -fsanitize=thread -fno-tree-vectorize -fno-store-merging)
      # Copies of structs are calls of memcpy, which the compiler does not report.
      add_custom_command(TARGET ${name} POST_BUILD COMMAND ${CMAKE_OBJCOPY}
        --redefine-sym memcpy=__tsan_memcpy --redefine-sym memmove=__tsan_memmove
        --redefine-sym memset=__tsan_memset $<TARGET_FILE:${name}>)
    endif()
  endfunction()

  nestor_emulated_kernels(nestor_simt_kernels ${kernel_sources})
  file(GLOB faulty_sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}
    ${CMAKE_SOURCE_DIR}/tests/simt/faults/*.cu)
  nestor_emulated_kernels(nestor_simt_test_kernels ${test_kernel_sources} ${faulty_sources})

  nestor_sources(simt_test_sources tests/simt)
  list(FILTER simt_test_sources EXCLUDE REGEX "^tests/simt/(emulator/|support/cuda_device)")
  add_executable(nestor_simt_tests ${simt_test_sources} tests/support/main.cpp)
  target_link_libraries(nestor_simt_tests PRIVATE nestor_simt_test_kernels Catch2::Catch2)
  if(NESTOR_SANITIZE)  # GCC 12 sees uninitialised std::functions in Catch2
    target_compile_options(nestor_simt_tests PRIVATE -Wno-maybe-uninitialized)
  endif()

  # Kernels against the oracles, in the emulator.
  set(emulated_test_sources ${kernel_test_sources})
  list(FILTER emulated_test_sources EXCLUDE REGEX "^tests/kernels/cuda_devices")
  add_executable(nestor_kernel_tests ${emulated_test_sources})
  target_link_libraries(nestor_kernel_tests PRIVATE
    nestor_simt_kernels nestor_simt nestor_oracles Catch2::Catch2)
  if(NESTOR_SANITIZE)
    target_compile_options(nestor_kernel_tests PRIVATE -Wno-maybe-uninitialized)
  endif()

  # The device `simt` of the commands in this build folder: the door of libnestor_cuda.so, with the
  # emulator behind it.
  add_library(nestor_simt_device SHARED
    kernels/runtime/library.cpp tests/simt/support/device_library.cpp)
  set_target_properties(nestor_simt_device PROPERTIES OUTPUT_NAME nestor_simt)
  target_link_libraries(nestor_simt_device PRIVATE nestor_simt_kernels nestor_simt)

  # The engine on emulated devices.
  nestor_sources(executor_test_sources tests/executor)
  nestor_sources(executor_support_sources tests/support)
  list(FILTER executor_support_sources INCLUDE REGEX
    "/(main|compare|interpreter|mini_detector|mini_segmenter|model|random|weights)\\.cpp$")
  add_executable(nestor_executor_tests ${executor_test_sources} ${executor_support_sources}
    tests/golden/tolerances.cpp kernels/runtime/library.cpp tests/simt/support/device_library.cpp)
  target_link_libraries(nestor_executor_tests PRIVATE
    nestor_simt_kernels nestor_simt nestor_engine fmt::fmt nlohmann_json::nlohmann_json
    Catch2::Catch2)
  if(NESTOR_SANITIZE)
    target_compile_options(nestor_executor_tests PRIVATE -Wno-maybe-uninitialized)
  endif()
endif()
