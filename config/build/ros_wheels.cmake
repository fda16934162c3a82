# Copyright 2026 The wla_ros authors. SPDX-License-Identifier: Apache-2.0
# Mends the exported targets of the ROS 2 wheels from PyPI.
#
# They name the Python include directory of the machine that built the wheels, and CMake refuses an
# imported target whose include directory does not exist. Python's real include directory reaches
# every target through FindPython3, so the foreign one is dropped.
#
# Passed as CMAKE_PROJECT_INCLUDE by the bootstrap with the wheels, never with a distribution.

set(_wla_ros_wheel_builder "/opt/python/")

function(_wla_ros_drop_missing_include_directories)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(directories ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(NOT directories)
      continue()
    endif()
    set(kept "")
    foreach(directory IN LISTS directories)
      string(FIND "${directory}" "${_wla_ros_wheel_builder}" position)
      if(NOT position EQUAL 0 OR EXISTS "${directory}")
        list(APPEND kept "${directory}")
      endif()
    endforeach()
    set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
  endforeach()
endfunction()

# The targets exist only after the find_package calls, so the mending waits for the end of the
# directory.
cmake_language(DEFER CALL _wla_ros_drop_missing_include_directories)
