# The Python module: nestor::nestor is libnestor, of this build or installed. What belongs into the
# wheel is installed as the component `python`.
find_package(Python 3.10 REQUIRED COMPONENTS Interpreter Development.Module ${SKBUILD_SABI_COMPONENT})
find_package(nanobind 3.1 CONFIG REQUIRED)

# Nanobind's own code comes from the package nanobind-backend: so one module serves Python 3.10 and
# all later ones.
set(python_folder ${CMAKE_CURRENT_LIST_DIR})
nanobind_add_module(nestor_python BACKEND_MODULE nanobind_backend NB_SUPPRESS_WARNINGS
  ${python_folder}/answers.cpp ${python_folder}/arrays.cpp ${python_folder}/device_arrays.cpp ${python_folder}/engine.cpp
  ${python_folder}/module.cpp ${python_folder}/sources.cpp ${python_folder}/text.cpp)
target_include_directories(nestor_python PRIVATE ${python_folder}/../..)
target_compile_features(nestor_python PRIVATE cxx_std_20)
target_compile_options(nestor_python PRIVATE -Wall -Wextra -Wshadow -Wno-missing-field-initializers -Werror)
target_link_libraries(nestor_python PRIVATE nestor::nestor)
set_target_properties(nestor_python PROPERTIES OUTPUT_NAME _nestor INSTALL_RPATH "$ORIGIN/lib")
install(TARGETS nestor_python LIBRARY DESTINATION nestor COMPONENT python EXCLUDE_FROM_ALL)
