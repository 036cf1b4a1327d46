/// A request as handlers see it: plain values, nothing of the HTTP library.
#pragma once

#include "common/clock.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::http {

enum class Method { get, head, post, put, patch, delete_, options, other };

std::string_view to_string(Method method);  ///< "GET"
/// True for every method that may change something; such requests are audited.
bool is_mutation(Method method);

/// What a route asks for. admin includes deployer, deployer includes operator, operator includes
/// viewer; `public_` asks for nobody.
enum class Role { public_, viewer, operator_, deployer, admin };

std::string_view to_string(Role role);  ///< "operator"

struct User {
  std::string sub;                  ///< stable id; empty: nobody
  std::string name;                 ///< for people
  std::vector<std::string> roles;   ///< "viewer", "operator", "deployer", "admin"; others are kept
  std::optional<Time> valid_until;  ///< a socket is closed (4401) at this moment

  [[nodiscard]] bool has(Role role) const;
};

/// Text of a URL with its %XX decoded (and "+" as a blank where asked); nullopt when malformed.
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank);
bool equals_ignoring_case(std::string_view a, std::string_view b);

/// Owned by its connection, which uses the object again for the next request: it lives as long as
/// the handler runs and no longer.
class Request {
 public:
  Method method = Method::get;
  std::string target;  ///< as it came: "/api/services/a%20b?tail=5"
  std::string path;    ///< decoded, for people: "/api/services/a b"
  std::string body;
  std::string remote;                ///< address of the peer, without port
  std::string request_id;            ///< also in the answer's X-Request-ID
  std::shared_ptr<const User> user;  ///< never null; `sub` is empty on public routes
  bool wants_socket = false;         ///< asks for an upgrade to WebSocket

  Request();

  /// The first header of that name, in any case.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  /// The first query value of that name (case matters), decoded. "?tail" gives "".
  [[nodiscard]] std::optional<std::string> query(std::string_view name) const;
  /// The token of `Authorization: Bearer`. An upgrade may carry it in the subprotocol
  /// "bearer.<token>" or in ?token= or ?access_token= as well, since browsers can set no header
  /// there.
  [[nodiscard]] std::optional<std::string> bearer_token() const;
  /// The part of the target before "?", not decoded.
  [[nodiscard]] std::string_view raw_path() const;

  void add_header(std::string_view name, std::string_view value);
  /// Sets target and path; an absolute form ("http://host/x") is reduced to its path.
  void set_target(std::string_view text);
  /// As new, with the memory kept.
  void clear();

  template <class Visit>
  void for_each_header(Visit&& visit) const {
    for (const auto& entry : headers_) visit(name_of(entry), value_of(entry));
  }

 private:
  struct HeaderEntry {
    std::uint32_t start;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  [[nodiscard]] std::string_view name_of(const HeaderEntry& entry) const {
    return std::string_view{header_text_}.substr(entry.start, entry.name_size);
  }
  [[nodiscard]] std::string_view value_of(const HeaderEntry& entry) const {
    return std::string_view{header_text_}.substr(entry.start + entry.name_size, entry.value_size);
  }

  std::string header_text_;  // one buffer for all, so that a request costs few allocations
  std::vector<HeaderEntry> headers_;
};

/// Nobody: the user of public routes.
const std::shared_ptr<const User>& nobody();

}  // namespace portoser::http
