#include "controller/http/request.h"

#include <algorithm>

namespace portoser::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// "bearer.<token>" in a list of subprotocols, without the prefix.
std::optional<std::string> token_of_subprotocol(std::string_view list) {
  constexpr std::string_view prefix = "bearer.";
  while (!list.empty()) {
    const auto comma = std::min(list.find(','), list.size());
    auto item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (item.starts_with(prefix)) return std::string{item.substr(prefix.size())};
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Method method) {
  switch (method) {
    case Method::get:
      return "GET";
    case Method::head:
      return "HEAD";
    case Method::post:
      return "POST";
    case Method::put:
      return "PUT";
    case Method::patch:
      return "PATCH";
    case Method::delete_:
      return "DELETE";
    case Method::options:
      return "OPTIONS";
    case Method::other:
      break;
  }
  return "OTHER";
}

bool is_mutation(Method method) {
  return method != Method::get && method != Method::head && method != Method::options;
}

std::string_view to_string(Role role) {
  switch (role) {
    case Role::public_:
      return "public";
    case Role::viewer:
      return "viewer";
    case Role::operator_:
      return "operator";
    case Role::deployer:
      return "deployer";
    case Role::admin:
      break;
  }
  return "admin";
}

bool User::has(Role role) const {
  if (role == Role::public_) return true;
  return std::any_of(roles.begin(), roles.end(), [role](const std::string& held_name) {
    for (const auto held : {Role::admin, Role::deployer, Role::operator_, Role::viewer}) {
      if (held_name == to_string(held)) return held >= role;
    }
    return false;
  });
}

std::optional<std::string> percent_decode(std::string_view text, bool plus_is_blank) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_blank) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hex_value(text[i + 1]);
      const int low = hex_value(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

Request::Request() : user(nobody()) {}

std::optional<std::string_view> Request::header(std::string_view name) const {
  for (const auto& entry : headers_) {
    if (entry.name_size == name.size() && equals_ignoring_case(name_of(entry), name)) {
      return value_of(entry);
    }
  }
  return std::nullopt;
}

std::optional<std::string> Request::query(std::string_view name) const {
  const auto mark = target.find('?');
  if (mark == std::string::npos) return std::nullopt;
  auto rest = std::string_view{target}.substr(mark + 1);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('&'), rest.size());
    const auto pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const auto equals = std::min(pair.find('='), pair.size());
    const auto key = pair.substr(0, equals);
    const bool same = key.find_first_of("%+") == std::string_view::npos
                          ? key == name
                          : percent_decode(key, true) == std::string{name};
    if (!same) continue;
    const auto value = pair.substr(std::min(equals + 1, pair.size()));
    // A malformed value is handed on as it is; the check of the value will name it.
    return percent_decode(value, true).value_or(std::string{value});
  }
  return std::nullopt;
}

std::optional<std::string> Request::bearer_token() const {
  constexpr std::string_view scheme = "Bearer ";
  if (const auto value = header("Authorization")) {
    if (value->size() > scheme.size() &&
        equals_ignoring_case(value->substr(0, scheme.size()), scheme)) {
      return std::string{value->substr(scheme.size())};
    }
  }
  if (!wants_socket) return std::nullopt;
  if (const auto list = header("Sec-WebSocket-Protocol")) {
    if (auto token = token_of_subprotocol(*list)) return token;
  }
  if (auto token = query("token")) return token;
  return query("access_token");
}

std::string_view Request::raw_path() const {
  return std::string_view{target}.substr(0, target.find('?'));
}

void Request::add_header(std::string_view name, std::string_view value) {
  headers_.push_back({static_cast<std::uint32_t>(header_text_.size()),
                      static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size())});
  header_text_ += name;
  header_text_ += value;
}

void Request::set_target(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    text.remove_prefix(scheme.size());
    const auto slash = text.find('/');
    text = slash == std::string_view::npos ? std::string_view{"/"} : text.substr(slash);
  }
  target = text;
  const auto raw = raw_path();
  if (raw.find('%') == std::string_view::npos) {
    path = raw;
  } else {
    path = percent_decode(raw, false).value_or(std::string{raw});
  }
}

void Request::clear() {
  method = Method::get;
  target.clear();
  path.clear();
  // A body of some MiB is not kept for a connection that then only reads.
  if (body.capacity() > (64U << 10U)) body = {};
  body.clear();
  request_id.clear();
  user = nobody();
  wants_socket = false;
  header_text_.clear();
  headers_.clear();
}

const std::shared_ptr<const User>& nobody() {
  static const User user;
  // Owns nothing, so that connections on several threads share no count.
  static const std::shared_ptr<const User> shared{std::shared_ptr<const User>{}, &user};
  return shared;
}

}  // namespace portoser::http
