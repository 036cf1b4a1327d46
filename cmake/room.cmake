if(PORTOSER_PCH)
  file(WRITE ${CMAKE_BINARY_DIR}/headers.cpp "// Its target owns the precompiled headers of the rooms.\n")
  add_library(portoser_headers STATIC ${CMAKE_BINARY_DIR}/headers.cpp)
  target_link_libraries(portoser_headers PRIVATE portoser_boost portoser_msgpack fmt::fmt
    nlohmann_json::nlohmann_json portoser_warnings)
  target_precompile_headers(portoser_headers PRIVATE ${PORTOSER_ROOT}/cmake/precompiled.h)
endif()

# portoser_room(<name> SOURCES ... ROOMS ... LIBRARIES ...)
# One static library for a room. ROOMS are the rooms it may include (tests/architecture checks the
# includes against the table); LIBRARIES come from outside and stay private to the room.
function(portoser_room name)
  cmake_parse_arguments(arg "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  add_library(portoser_${name} STATIC ${arg_SOURCES})
  target_include_directories(portoser_${name} PUBLIC ${PORTOSER_ROOT})
  foreach(room ${arg_ROOMS})
    target_link_libraries(portoser_${name} PUBLIC portoser_${room})
  endforeach()
  target_link_libraries(portoser_${name} PUBLIC portoser_boost PRIVATE ${arg_LIBRARIES} portoser_warnings)
  # common has definitions of its own (Boost.Process), with which the compiler refuses the headers.
  if(PORTOSER_PCH AND NOT name STREQUAL common)
    target_precompile_headers(portoser_${name} REUSE_FROM portoser_headers)
  endif()
endfunction()

# portoser_unit_test(<room> SOURCES ... [LIBRARIES ...] [HEADERS ...])
# HEADERS: that nearly all of the sources include, and that take long to read.
# One test binary for a room; ctest runs each of its tests under the label "unit".
function(portoser_unit_test room)
  cmake_parse_arguments(arg "" "" "SOURCES;LIBRARIES;HEADERS" ${ARGN})
  add_executable(${room}_test ${arg_SOURCES})
  target_link_libraries(${room}_test PRIVATE portoser_${room} ${arg_LIBRARIES} GTest::gmock
    GTest::gtest_main portoser_warnings)
  if(PORTOSER_PCH AND arg_HEADERS)
    target_precompile_headers(${room}_test PRIVATE ${PORTOSER_ROOT}/cmake/precompiled.h
      <gmock/gmock.h> <gtest/gtest.h> ${arg_HEADERS})
  elseif(PORTOSER_PCH)
    target_precompile_headers(${room}_test REUSE_FROM portoser_test_headers)
  endif()
  gtest_discover_tests(${room}_test PROPERTIES LABELS unit TIMEOUT 120 DISCOVERY_TIMEOUT 60)
endfunction()
