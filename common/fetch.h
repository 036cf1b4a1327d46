/// Outbound HTTP by libcurl. Blocking: for command-line programs, or through `on_pool`.
#pragma once

#include <chrono>
#include <string>
#include <vector>

namespace portoser {

struct FetchRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value"
  std::string body;
  std::chrono::milliseconds limit{std::chrono::seconds{15}};
  std::string unix_socket;  ///< path of a unix socket to connect to instead; empty: none
};

struct FetchResponse {
  int status = 0;
  std::string body;  ///< at most 16 MiB
};

/// No answer: `Error{unavailable}` with curl's reason. An HTTP error status is an answer.
FetchResponse fetch(const FetchRequest& request);

}  // namespace portoser
