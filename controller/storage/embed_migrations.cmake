# cmake -DFOLDER=<folder of NNNN_name.sql> -DOUTPUT=<file.cpp> -P embed_migrations.cmake
# Writes a source that holds the text and the SHA-256 of every migration, in order.
file(GLOB files LIST_DIRECTORIES false "${FOLDER}/*.sql")
list(SORT files)

set(expected 0)
set(entries "")
foreach(file IN LISTS files)
  get_filename_component(name "${file}" NAME_WE)
  if(NOT name MATCHES "^0*([1-9][0-9]*)_[a-z0-9_]+$")
    message(FATAL_ERROR "${file}: a migration is named NNNN_name.sql")
  endif()
  set(number ${CMAKE_MATCH_1})
  math(EXPR expected "${expected} + 1")
  if(NOT number EQUAL expected)
    message(FATAL_ERROR "${file}: migration ${expected} is missing or there twice")
  endif()
  file(SHA256 "${file}" checksum)
  file(READ "${file}" sql)
  string(APPEND entries "    {${number}, \"${name}\", \"${checksum}\", R\"sql(${sql})sql\"},\n")
endforeach()

file(WRITE "${OUTPUT}" "// Made by embed_migrations.cmake from migrations/*.sql.
#include \"controller/storage/schema.h\"

namespace portoser::storage {
namespace {

constexpr Migration migrations[] = {
${entries}};

}  // namespace

std::span<const Migration> embedded_migrations() { return migrations; }

}  // namespace portoser::storage
")
