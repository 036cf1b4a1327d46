/// What the receiving host wants of the sending one: the first line of each stream. Pure.
#pragma once

#include "common/describe.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::agent::transfer {

struct Request {
  std::int64_t root = 0;               ///< number of the root in the command, from 0
  std::string wants;                   ///< rsync, image, manifest, nothing, or end (of all)
  std::vector<std::string> arguments;  ///< of rsync: as it calls the program on the other host
  std::string problem;                 ///< of end: why; empty: all went well
};
BOOST_DESCRIBE_STRUCT(Request, (), (root, wants, arguments, problem))

/// Without the line's end.
std::string to_line(const Request& request);
/// No request, or a root that there is not: `Error{invalid}`.
Request request_from(const std::string& line, std::size_t root_count);

/// The arguments with which rsync serves: those that were asked for, with our folder in place of
/// theirs, and our limit (KiB a second; 0: theirs). Anything that could make it read or write
/// elsewhere, or that nobody here asks for: `Error{invalid}`.
std::vector<std::string> served_arguments(const std::vector<std::string>& asked,
                                          const std::string& folder,
                                          std::int64_t rate_limit_kib);

}  // namespace portoser::agent::transfer
