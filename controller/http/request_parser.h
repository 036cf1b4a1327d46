/// HTTP/1.1 into our `Request`, by Beast's parser. Inside controller/http only.
#pragma once

#include "common/error.h"
#include "controller/http/request.h"

#include <boost/system/error_code.hpp>

#include <cstdint>
#include <memory>

namespace portoser::http {

Error body_too_large(std::size_t limit);
Error request_too_slow();

class RequestParser {
 public:
  /// Fills `request`, which must outlive the parser.
  RequestParser(Request& request, std::uint32_t header_limit);
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;
  ~RequestParser();

  /// For the next request.
  void restart();
  /// Takes what it can and returns how much that was: up to the end of the header, then of the
  /// body.
  std::size_t feed(const char* data, std::size_t size, boost::system::error_code& failure);

  /// Something of a request has arrived.
  [[nodiscard]] bool has_begun() const;
  [[nodiscard]] bool is_header_done() const;
  [[nodiscard]] bool is_done() const;
  [[nodiscard]] bool keep_alive() const;
  [[nodiscard]] bool is_version_11() const;
  /// After the header, before the body. False: the announced length is more.
  bool limit_body(std::size_t limit);

  static bool needs_more(const boost::system::error_code& failure);
  [[nodiscard]] Error error_of(const boost::system::error_code& failure) const;

 private:
  struct Implementation;
  Request& request_;
  std::uint32_t header_limit_;
  std::size_t body_limit_ = 0;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace portoser::http
