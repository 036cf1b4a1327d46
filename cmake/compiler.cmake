# Language level, warnings and sanitizers: the same for every target of ours.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(PORTOSER_CCACHE ccache)
if(PORTOSER_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${PORTOSER_CCACHE})
endif()

add_library(portoser_warnings INTERFACE)
target_compile_options(portoser_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wconversion -Werror)
# Asio's coroutine frames trip a false positive of g++ 12 at -O2.
target_compile_options(portoser_warnings INTERFACE -Wno-maybe-uninitialized)

# clang compiles the fuzz targets alone; g++ is the compiler whose warnings count.
if(CMAKE_CXX_COMPILER_ID STREQUAL Clang)
  target_compile_options(portoser_warnings INTERFACE -Wno-unknown-warning-option)
endif()

# In a unity source every file is an included one, so g++ takes the frame of a coroutine that holds a
# type of the anonymous namespace for a type that other sources could see.
if(CMAKE_UNITY_BUILD)
  target_compile_options(portoser_warnings INTERFACE -Wno-subobject-linkage)
endif()

# At -O2 g++ 12 sees Asio's operator delete of a coroutine frame without the operator new that it inlined.
# For rooms whose coroutines it complains about.
set(PORTOSER_COROUTINE_OPTIONS -Wno-mismatched-new-delete)

find_program(PORTOSER_MOLD mold)
if(PORTOSER_MOLD)
  add_link_options(-fuse-ld=mold)
endif()

if(PORTOSER_SANITIZE)
  # With sanitizers it sees that everywhere.
  target_compile_options(portoser_warnings INTERFACE ${PORTOSER_COROUTINE_OPTIONS})
  add_compile_options(-fsanitize=${PORTOSER_SANITIZE} -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${PORTOSER_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL Clang AND PORTOSER_SANITIZE MATCHES undefined)
    # What that check writes before each function, clang 14 cannot write before a coroutine.
    add_compile_options(-fno-sanitize=function)
  endif()
  if(PORTOSER_SANITIZE MATCHES thread)
    # Asio uses atomic fences, which the thread sanitizer cannot see; the warning is about that.
    target_compile_options(portoser_warnings INTERFACE -Wno-tsan)
  endif()
endif()
