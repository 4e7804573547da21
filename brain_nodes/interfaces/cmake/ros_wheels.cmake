# SPDX-License-Identifier: Apache-2.0
# What a build on the ROS wheels of the Python registry needs beyond one on a ROS installation.

# Built by pip: find ROS in the environment of the Python that builds, and put our Python into the wheel's own folder.
# A macro, because it sets variables for find_package in the caller's scope. Does nothing in any other build.
macro(use_the_ros_beside_this_python)
  if(DEFINED SKBUILD)
    find_package(Python3 REQUIRED COMPONENTS Interpreter Development.Module)
    execute_process(
      COMMAND "${Python3_EXECUTABLE}" -c
        "import pathlib, rosidl_adapter as m; print(pathlib.Path(m.__file__).parents[4].as_posix())"
      OUTPUT_VARIABLE _ros_prefix OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
    list(PREPEND CMAKE_PREFIX_PATH "${_ros_prefix}")
    set(ENV{AMENT_PREFIX_PATH} "${_ros_prefix}")  # the generators are found through it
    set(PYTHON_INSTALL_DIR "${SKBUILD_PLATLIB_DIR}")
  endif()
endmacro()

# The message wheels export the include folders of the Python they were built with, and CMake refuses a target whose
# folders do not exist. Also needed when colcon builds on the wheels; on a ROS installation nothing is dropped.
function(drop_include_paths_of_other_machines)
  get_property(targets DIRECTORY PROPERTY IMPORTED_TARGETS)
  foreach(target IN LISTS targets)
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(folders)
      set(kept)
      foreach(folder IN LISTS folders)
        if(folder MATCHES "^\\$<" OR EXISTS "${folder}")
          list(APPEND kept "${folder}")
        endif()
      endforeach()
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${kept}")
    endif()
  endforeach()
endfunction()
