/// Outbound HTTP by libcurl. Blocking: for command-line programs, or through `on_pool`. Redirects
/// are not followed.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
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
  /// "192.0.2.22:8090", "[fd00::6]:8090": who is connected to, whatever host and port the URL
  /// names; these stay the Host header, and over TLS the name that is asked for. Empty: the URL's.
  std::string connect_to;
  bool is_direct = false;    ///< goes through no proxy that the environment names
  bool is_insecure = false;  ///< over TLS any certificate will do
  std::string user;          ///< for basic authentication; empty: none
  std::string password;
  std::string ca_file;  ///< PEM, instead of the system's authorities; empty: those
  std::size_t body_limit = std::size_t{16} << 20U;
  bool cut_body = false;  ///< of a longer body the beginning is taken, instead of no answer at all
  /// Once it is true the call ends within a second, without an answer. Null: it never does.
  const std::atomic<bool>* give_up = nullptr;
};

struct FetchResponse {
  int status = 0;
  std::string body;
  std::chrono::seconds retry_after{0};  ///< as the server asks, also by a date; 0: it does not
  std::string etag;                     ///< with its quotes; also one that came behind the body
};

/// Keeps connections between calls. One thread at a time.
class FetchSession {
 public:
  FetchSession();
  FetchSession(const FetchSession&) = delete;
  FetchSession& operator=(const FetchSession&) = delete;
  ~FetchSession();

  /// No answer: `Error{unavailable}` with curl's reason; the URL in it has no query, which may hold
  /// a secret. An HTTP error status is an answer.
  FetchResponse fetch(const FetchRequest& request);

 private:
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

/// One call with a connection of its own.
FetchResponse fetch(const FetchRequest& request);

}  // namespace portoser
