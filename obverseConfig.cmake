# What obverse's libraries stand on; its targets are obverse::core, obverse::models, obverse::infer, ...: one a room.
include(CMakeFindDependencyMacro)
foreach(PACKAGE Torch OpenMP fmt nlohmann_json CLI11 tomlplusplus PNG JPEG ZLIB OpenSSL)
  find_dependency(${PACKAGE})
endforeach()
find_dependency(PkgConfig)
pkg_check_modules(ZIP REQUIRED IMPORTED_TARGET libzip)
pkg_check_modules(HTTPLIB REQUIRED IMPORTED_TARGET cpp-httplib)
include("${CMAKE_CURRENT_LIST_DIR}/obverseTargets.cmake")
