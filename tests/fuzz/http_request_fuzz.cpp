// Any bytes from a client are a request, the beginning of one, or an Error with a 4xx code, and the
// same whether they come at once or in pieces: the first byte is the size of a piece, the rest is
// what the client sends. What handlers ask of the request (headers, query, token, JSON of the body)
// gives values or an Error.
#include "controller/http/request_parser.h"
#include "controller/http/router.h"
#include "tests/fuzz/must.h"

#include <algorithm>
#include <string>
#include <vector>

namespace {

using namespace portoser;
using namespace portoser::http;
using test::must;

constexpr std::uint32_t header_limit = 2048;
constexpr std::size_t body_limit = 1024;

enum class End { more, done, refused };

struct Reading {
  Request request;
  End end = End::more;
  std::size_t used = 0;  ///< of the text, when it is done
};

/// As a connection does: what the parser leaves stays at the front of the buffer.
void read(std::string_view text, std::size_t piece, Reading& out) {
  RequestParser parser{out.request, header_limit};
  std::string buffer;
  bool is_limited = false;
  while (!text.empty()) {
    buffer += text.substr(0, piece);
    text.remove_prefix(std::min(piece, text.size()));
    while (!buffer.empty()) {
      boost::system::error_code failure;
      const auto used = parser.feed(buffer.data(), buffer.size(), failure);
      must(used <= buffer.size());
      buffer.erase(0, used);
      out.used += used;
      if (failure && !RequestParser::needs_more(failure)) {
        const auto code = parser.error_of(failure).code();
        must(code == Code::bad_request || code == Code::too_large);
        out.end = End::refused;
        return;
      }
      if (parser.is_header_done() && !is_limited) {
        is_limited = true;
        if (!parser.limit_body(body_limit)) {
          out.end = End::refused;
          return;
        }
      }
      if (parser.is_done()) {
        out.end = End::done;
        return;
      }
      if (failure || used == 0) break;
    }
  }
}

std::vector<std::string> headers_of(const Request& request) {
  std::vector<std::string> headers;
  request.for_each_header([&](std::string_view name, std::string_view value) {
    headers.push_back(std::string{name} + ":" + std::string{value});
  });
  return headers;
}

void must_be_same(const Request& a, const Request& b) {
  must(a.method == b.method && a.target == b.target && a.path == b.path && a.body == b.body);
  must(a.wants_socket == b.wants_socket && headers_of(a) == headers_of(b));
}

void ask(const Request& request) {
  must(request.body.size() <= body_limit);
  must(request.raw_path().size() <= request.target.size());
  (void)request.header("Host");
  (void)request.query("tail");
  (void)request.bearer_token();
  (void)percent_decode(request.target, true);
  try {
    must(parse_object_body(request.body).is_object());
  } catch (const Error& error) {
    must(error.code() == Code::bad_request && error.where() == "body");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto text = test::text_of(data + 1, size - 1);
  Reading whole;
  read(text, std::max<std::size_t>(text.size(), 1), whole);
  Reading pieces;
  read(text, std::max<std::size_t>(data[0], 1), pieces);
  // What is refused at once in one piece may still be waited for in several: the parser looks into
  // a header that it has begun only when its end is there. And it counts a few bytes more or less
  // towards the limit of the header.
  if (text.size() < header_limit) must((whole.end == End::done) == (pieces.end == End::done));
  if (whole.end == End::done && pieces.end == End::done) {
    must(whole.used == pieces.used);
    must_be_same(whole.request, pieces.request);
    ask(whole.request);
  }
  return 0;
}
