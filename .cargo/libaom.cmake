# Read by CMake before anything else when Cargo builds libaom, the only library that it builds with CMake.
set(CMAKE_BUILD_TYPE Release CACHE STRING "optimised in every profile of Cargo" FORCE)
# Renditions have 8 bits, and are written by the encoder alone: this leaves out half of what would be compiled.
set(CONFIG_AV1_HIGHBITDEPTH 0 CACHE STRING "" FORCE)
set(CONFIG_DENOISE 0 CACHE STRING "" FORCE)
set(CONFIG_LIBYUV 0 CACHE STRING "" FORCE)
set(CONFIG_WEBM_IO 0 CACHE STRING "" FORCE)
