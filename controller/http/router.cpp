#include "controller/http/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace portoser::http {
namespace {

constexpr std::size_t method_count = static_cast<std::size_t>(Method::other);
constexpr int depth_limit = 64;

std::size_t index_of(Method method) {
  return static_cast<std::size_t>(method);
}

bool is_blank(const std::string& text) {
  return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

/// nlohmann counts bytes; people count lines and columns, both from 1.
std::pair<std::size_t, std::size_t> position_of(const std::string& text, std::size_t byte) {
  const auto before = std::string_view{text}.substr(0, byte > 0 ? byte - 1 : 0);
  const auto line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n')) + 1;
  const auto start = before.rfind('\n');
  return {line, before.size() - (start == std::string_view::npos ? 0 : start + 1) + 1};
}

/// "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error ..." without
/// what we say ourselves.
std::string_view plain_reason(std::string_view text) {
  const auto at = text.find("column ");
  const auto colon = at == std::string_view::npos ? at : text.find(": ", at);
  return colon == std::string_view::npos ? text : text.substr(colon + 2);
}

/// "/a/b" as "a", "b"; "/" as no segment.
std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  path.remove_prefix(std::min<std::size_t>(path.size(), 1));
  if (path.empty()) return segments;
  for (;;) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return segments;
    path.remove_prefix(slash + 1);
  }
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

/// False when a decoded segment holds what no name may hold, so that nothing can be there.
bool decode(std::string_view path, std::vector<std::string>& segments) {
  for (const auto raw : split(path)) {
    if (raw.find('%') == std::string_view::npos) {
      segments.emplace_back(raw);
      continue;
    }
    auto decoded = percent_decode(raw, false);
    if (!decoded) {
      throw Error{
          Code::bad_request, fmt::format("\"{}\" is not percent-encoded rightly", raw), "path"};
    }
    if (decoded->find('/') != std::string::npos || decoded->find('\0') != std::string::npos) {
      return false;
    }
    segments.push_back(std::move(*decoded));
  }
  return true;
}

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::array<const Endpoint*, method_count> by_method{};
  const Endpoint* socket = nullptr;

  [[nodiscard]] const Endpoint* pick(const Request& request) const {
    if (socket != nullptr && request.wants_socket) return socket;
    if (request.method == Method::other) return nullptr;
    const auto* found = by_method[index_of(request.method)];
    if (found == nullptr && request.method == Method::head) found = by_method[0];
    // A plain GET of a socket's path finds the socket; the pipeline answers that with 426.
    if (found == nullptr && request.method == Method::get) found = socket;
    return found;
  }

  void collect_methods(std::array<bool, method_count>& known) const {
    for (std::size_t i = 0; i < method_count; ++i) known[i] = known[i] || by_method[i] != nullptr;
    if (socket != nullptr) known[0] = true;
  }
};

namespace {

template <class Node>
struct Search {
  const Request& request;
  const std::vector<std::string>& segments;
  std::vector<std::string>& values;
  std::array<bool, method_count> known{};

  /// Depth first, literals before parameters, so that the first endpoint found is the best.
  const Endpoint* from(const Node& node, std::size_t depth) {
    if (depth == segments.size()) {
      const auto* found = node.pick(request);
      if (found == nullptr) node.collect_methods(known);
      return found;
    }
    const auto& segment = segments[depth];
    if (const auto literal = node.literals.find(segment); literal != node.literals.end()) {
      if (const auto* found = from(*literal->second, depth + 1)) return found;
    }
    if (!node.parameter || segment.empty()) return nullptr;
    values.push_back(segment);
    const auto* found = from(*node.parameter, depth + 1);
    if (found == nullptr) values.pop_back();
    return found;
  }

  [[nodiscard]] std::string allow() const {
    std::string list;
    for (std::size_t i = 0; i < method_count; ++i) {
      const auto method = static_cast<Method>(i);
      if (!known[i] && !(method == Method::head && known[0])) continue;
      list += list.empty() ? "" : ", ";
      list += to_string(method);
    }
    return list;
  }
};

}  // namespace

void Match::clear() {
  endpoint = nullptr;
  values.clear();
  allow.clear();
  redirect.clear();
}

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;

void Router::insert(std::unique_ptr<Endpoint> endpoint) {
  const auto& route = endpoint->route;
  if (route.path.empty() || route.path.front() != '/' || route.method == Method::other ||
      (route.path.size() > 1 && route.path.back() == '/')) {
    throw Error{Code::internal,
                fmt::format("\"{} {}\" is no route", to_string(route.method), route.path)};
  }
  const bool has_answer = endpoint->socket || !endpoint->response_schema.is_null() ||
                          !route.text_type.empty() || route.success_status == 204;
  if (!has_answer) {
    throw Error{Code::internal,
                fmt::format("the route {} {} does not say what it answers: it needs a shape, a "
                            "text_type or the status 204",
                            to_string(route.method),
                            route.path)};
  }
  auto* node = root_.get();
  for (const auto segment : split(route.path)) {
    auto& next = is_parameter(segment) ? node->parameter : node->literals[std::string{segment}];
    if (!next) next = std::make_unique<Node>();
    node = next.get();
    if (is_parameter(segment)) {
      endpoint->parameters.emplace_back(segment.substr(1, segment.size() - 2));
    }
  }
  auto& place = endpoint->socket ? node->socket : node->by_method[index_of(route.method)];
  if (place != nullptr) {
    throw Error{Code::internal,
                fmt::format("the route {} {} is there twice", to_string(route.method), route.path)};
  }
  place = endpoint.get();
  if (endpoint->parameters.empty()) literal_paths_.emplace(route.path, node);
  endpoints_.push_back(std::move(endpoint));
}

void Router::find(const Request& request, Match& match) const {
  match.clear();
  const auto path = request.raw_path();
  if (const auto literal = literal_paths_.find(path); literal != literal_paths_.end()) {
    match.endpoint = literal->second->pick(request);
    if (match.endpoint != nullptr) return;
  }
  std::vector<std::string> segments;
  segments.reserve(8);
  if (!decode(path, segments)) return;
  Search<Node> search{request, segments, match.values};
  match.endpoint = search.from(*root_, 0);
  if (match.endpoint != nullptr) return;
  match.allow = search.allow();
  if (!match.allow.empty() || path.size() < 2 || path.back() != '/') return;

  // With the trailing slash gone, is there something? Only then: "//other.host/" leads nowhere.
  auto shorter = path;
  while (shorter.size() > 1 && shorter.back() == '/') shorter.remove_suffix(1);
  while (!segments.empty() && segments.back().empty()) segments.pop_back();
  match.values.clear();
  Search<Node> again{request, segments, match.values};
  if (again.from(*root_, 0) != nullptr || !again.allow().empty()) {
    match.redirect = std::string{shorter} + request.target.substr(path.size());
  }
  match.values.clear();
}

Json parse_body(const std::string& text) {
  if (is_blank(text)) return Json::object();
  try {
    const auto guard = [](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
      // Beyond that only an attacker nests, and the writer of JSON is recursive.
      if (depth > depth_limit) {
        throw Error{Code::bad_request,
                    fmt::format("the body is nested more than {} deep", depth_limit),
                    "body"};
      }
      return true;
    };
    auto parsed = Json::parse(text, guard);
    return parsed.is_null() ? Json::object() : parsed;
  } catch (const Json::parse_error& error) {
    const auto [line, column] = position_of(text, error.byte);
    throw Error{Code::bad_request,
                fmt::format("the body is not valid JSON, line {}, column {}: {}",
                            line,
                            column,
                            plain_reason(error.what())),
                "body"};
  } catch (const Json::exception&) {
    // "1e999" is JSON, but nothing that a number here can hold.
    throw Error{Code::bad_request, "the body has a number that is too large", "body"};
  }
}

Json parse_object_body(const std::string& text) {
  auto parsed = parse_body(text);
  if (!parsed.is_object()) {
    const auto [line, column] = position_of(text, text.find_first_not_of(" \t\r\n") + 1);
    throw Error{Code::bad_request,
                fmt::format("the body must be a JSON object, not {} (line {}, column {})",
                            parsed.type_name(),
                            line,
                            column),
                "body"};
  }
  return parsed;
}

}  // namespace portoser::http
