#include "controller/http/request_parser.h"

#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace portoser::http {
namespace {

namespace beast_http = boost::beast::http;
using boost::beast::string_view;
using boost::system::error_code;

constexpr std::size_t reserve_limit = 1U << 20U;

std::string_view std_view(string_view text) {
  return {text.data(), text.size()};
}

Method method_of(beast_http::verb verb) {
  switch (verb) {
    case beast_http::verb::get:
      return Method::get;
    case beast_http::verb::head:
      return Method::head;
    case beast_http::verb::post:
      return Method::post;
    case beast_http::verb::put:
      return Method::put;
    case beast_http::verb::patch:
      return Method::patch;
    case beast_http::verb::delete_:
      return Method::delete_;
    case beast_http::verb::options:
      return Method::options;
    default:
      return Method::other;
  }
}

/// Writes straight into the request: no container of Beast's in between.
class Parser final : public beast_http::basic_parser<true> {
 public:
  explicit Parser(Request& request) : request_(request) {}
  [[nodiscard]] bool is_version_11() const { return version_ >= 11; }

 private:
  void on_request_impl(beast_http::verb method,
                       string_view /*method_text*/,
                       string_view target,
                       int version,
                       error_code& /*failure*/) override {
    request_.method = method_of(method);
    request_.set_target(std_view(target));
    version_ = version;
  }
  void on_response_impl(int /*status*/,
                        string_view /*reason*/,
                        int /*version*/,
                        error_code& /*failure*/) override {}
  void on_field_impl(beast_http::field /*name*/,
                     string_view name,
                     string_view value,
                     error_code& /*failure*/) override {
    // Trailers of a chunked body come here too; they must not pass for headers.
    if (!has_header_) request_.add_header(std_view(name), std_view(value));
  }
  void on_header_impl(error_code& /*failure*/) override {
    has_header_ = true;
    const auto wanted = request_.header("Upgrade");
    request_.wants_socket = upgrade() && request_.method == Method::get && wanted &&
                            equals_ignoring_case(*wanted, "websocket");
  }
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/,
                         error_code& /*failure*/) override {}
  std::size_t on_body_impl(string_view data, error_code& /*failure*/) override {
    request_.body.append(data.data(), data.size());
    return data.size();
  }
  void on_chunk_header_impl(std::uint64_t /*size*/,
                            string_view /*extensions*/,
                            error_code& /*failure*/) override {}
  std::size_t on_chunk_body_impl(std::uint64_t /*remaining*/,
                                 string_view data,
                                 error_code& /*failure*/) override {
    request_.body.append(data.data(), data.size());
    return data.size();
  }
  void on_finish_impl(error_code& /*failure*/) override {}

  Request& request_;
  int version_ = 0;
  bool has_header_ = false;
};

}  // namespace

Error body_too_large(std::size_t limit) {
  return Error{Code::too_large, fmt::format("the body may have {} bytes here", limit), "body"};
}

Error request_too_slow() {
  return Error{Code::bad_request, "the request took too long to arrive"}.reason("REQUEST_TIMEOUT");
}

/// Beast's parser serves one message; the optional makes a new one in the same place.
struct RequestParser::Implementation {
  std::optional<Parser> parser;
};

RequestParser::RequestParser(Request& request, std::uint32_t header_limit)
    : request_(request),
      header_limit_(header_limit),
      implementation_(std::make_unique<Implementation>()) {
  restart();
}

RequestParser::~RequestParser() = default;

void RequestParser::restart() {
  auto& parser = implementation_->parser.emplace(request_);
  parser.header_limit(header_limit_);
  // The limit of the body is the route's, and the route is known after the header.
  parser.body_limit(boost::none);
}

std::size_t RequestParser::feed(const char* data, std::size_t size, error_code& failure) {
  std::size_t skipped = 0;
  if (!has_begun()) {
    // RFC 9112, 2.2: blank lines before a request line are ignored.
    while (skipped + 1 < size && data[skipped] == '\r' && data[skipped + 1] == '\n') skipped += 2;
    // Half a blank line is none of the parser's: it would take it for the beginning of a method.
    const bool is_half = skipped + 1 == size && data[skipped] == '\r';
    if (is_half) failure = beast_http::error::need_more;
    if (is_half || skipped == size) return skipped;
  }
  auto& parser = *implementation_->parser;
  // Beast asserts five bytes when it comes back to the end of a chunked body ("0", and then a byte
  // at a time), so a peer could end us. No such end has less, so there is more to wait for.
  constexpr std::size_t shortest_end = 5;
  if (parser.is_header_done() && parser.chunked() && size - skipped < shortest_end &&
      data[skipped] == '0') {
    failure = beast_http::error::need_more;
    return skipped;
  }
  const auto used = parser.put(boost::asio::buffer(data + skipped, size - skipped), failure);
  return skipped + used;
}

bool RequestParser::has_begun() const {
  return implementation_->parser->got_some();
}
bool RequestParser::is_header_done() const {
  return implementation_->parser->is_header_done();
}
bool RequestParser::is_done() const {
  return implementation_->parser->is_done();
}
bool RequestParser::is_version_11() const {
  return implementation_->parser->is_version_11();
}

bool RequestParser::keep_alive() const {
  return is_header_done() && implementation_->parser->keep_alive();
}

bool RequestParser::limit_body(std::size_t limit) {
  auto& parser = *implementation_->parser;
  body_limit_ = limit;
  const auto length = parser.content_length();
  if (length && *length > limit) return false;
  parser.body_limit(std::uint64_t{limit});
  if (length) request_.body.reserve(std::min<std::size_t>(*length, reserve_limit));
  return true;
}

bool RequestParser::needs_more(const error_code& failure) {
  return failure == beast_http::error::need_more;
}

Error RequestParser::error_of(const error_code& failure) const {
  if (failure == beast_http::error::body_limit) return body_too_large(body_limit_);
  if (failure == beast_http::error::header_limit || failure == beast_http::error::buffer_overflow) {
    return Error{Code::bad_request,
                 fmt::format("the header of a request may have {} bytes", header_limit_)}
        .reason("HEADERS_TOO_LARGE");
  }
  return Error{Code::bad_request, fmt::format("this is not HTTP: {}", failure.message())};
}

}  // namespace portoser::http
