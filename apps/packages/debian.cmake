# Debian packages: cpack -G DEB --config build/cpu/CPackConfig.cmake

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME nestor)
set(CPACK_PACKAGE_CONTACT "The Nestor authors <nestor@packages.invalid>" CACHE STRING "Maintainer of Debian packages")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "inference for the ResNeSt family")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL runtime tools development)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)

set(debian_folder ${CMAKE_BINARY_DIR}/debian)
file(WRITE ${debian_folder}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libnestor0)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA ${debian_folder}/triggers)
set(CPACK_COMPONENT_RUNTIME_DESCRIPTION
  "shared library\n Networks of the ResNeSt family with the answers and the preprocessing of\n GluonCV and timm.")
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME nestor-tools)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION science)
set(CPACK_DEBIAN_TOOLS_PACKAGE_RECOMMENDS libnestor0)  # it has the kernels for GPUs, if they were built
set(CPACK_COMPONENT_TOOLS_DESCRIPTION
  "commands\n Classify, segment and measure images, find objects, convert and manage\n weights, inspect models.")
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libnestor-dev)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS "libnestor0 (= ${PROJECT_VERSION})")
set(CPACK_COMPONENT_DEVELOPMENT_DESCRIPTION
  "headers\n Headers, CMake and pkg-config files to build programs with libnestor.")

# Debian wants each package's licence and changes in a folder of its own.
file(WRITE ${debian_folder}/changelog "nestor (${PROJECT_VERSION}) unstable; urgency=medium\n\n\
  * See CHANGELOG.md.\n\n -- ${CPACK_PACKAGE_CONTACT}  Tue, 01 Dec 2026 00:00:00 +0000\n")
execute_process(COMMAND gzip -9nf ${debian_folder}/changelog COMMAND_ERROR_IS_FATAL ANY)
file(READ apps/drawing/font/LICENSE font_licence)
file(WRITE ${debian_folder}/copyright "Copyright: 2026 The Nestor authors\nLicense: Apache-2.0\n\n\
On Debian systems the Apache License 2.0 is in /usr/share/common-licenses/Apache-2.0.\n\n\
The font within nestor-tools:\n\n${font_licence}")
foreach(component RUNTIME TOOLS DEVELOPMENT)
  string(TOLOWER ${component} name)
  install(FILES ${debian_folder}/copyright ${debian_folder}/changelog.gz COMPONENT ${name} EXCLUDE_FROM_ALL
    DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${CPACK_DEBIAN_${component}_PACKAGE_NAME})
endforeach()
include(CPack)
