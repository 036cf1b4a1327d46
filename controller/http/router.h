/// Routes declared once: parsing, checks, roles, audit and documentation follow from the
/// declaration. Filled before the server listens, read from every thread afterwards. Include it in
/// sources only: the JSON templates are heavy.
#pragma once

#include "common/describe_json.h"
#include "common/describe_schema.h"
#include "controller/http/call.h"
#include "controller/http/route.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace portoser::http {

namespace detail {
template <class Handler>
struct HandlerTraits;
/// The handler's signature tells the shape of its answer.
struct AsSigned {};
}  // namespace detail

/// The outcome of a search; its memory is used again.
struct Match {
  const Endpoint* endpoint = nullptr;
  std::vector<std::string> values;  ///< of the endpoint's parameters
  std::string allow;     ///< methods of the path ("GET, HEAD, POST"), when `endpoint` is null
  std::string redirect;  ///< where the request should go instead (a trailing slash), else empty
  void clear();
};

class Router {
 public:
  Router();
  Router(const Router&) = delete;
  Router& operator=(const Router&) = delete;
  ~Router();

  /// `handler` is `asio::awaitable<R> (Class::*)(Call<B>)`, or `R (Class::*)(Call<B>)` for an
  /// answer from memory. B: void, a described struct or Json. R: void (204), a described struct or
  /// list of them, Json, or Response. A Response does not tell what is in it, so its route says it:
  /// `add<ServiceList>(...)`, a variant for one of several shapes, or `add<void>(...)` when all of
  /// it is text of `route.text_type`. A route that is there already, one without an answer, or a
  /// path without a leading slash: `Error{internal}`. `object` must outlive the server.
  template <class Shape = detail::AsSigned, class Object, class Handler>
  void add(Route route, Object& object, Handler handler);

  /// The same with an object that the router keeps alive.
  template <class Shape = detail::AsSigned, class Object, class Handler>
  void keep(std::shared_ptr<Object> object, Route route, Handler handler) {
    add<Shape>(std::move(route), *object, handler);
    kept_.push_back(std::move(object));
  }

  /// `handler` is `asio::awaitable<void> (Class::*)(std::shared_ptr<WebSocket>)`.
  template <class Object, class Class>
  void add_socket(SocketRoute route,
                  Object& object,
                  asio::awaitable<void> (Class::*handler)(std::shared_ptr<WebSocket>));

  /// Fills `match`. Literal segments go before parameters. Nothing there: `endpoint`, `redirect`
  /// and `allow` are empty; another method only: `allow` is set. A malformed %XX:
  /// `Error{bad_request}`.
  void find(const Request& request, Match& match) const;

  [[nodiscard]] const std::vector<std::unique_ptr<Endpoint>>& endpoints() const {
    return endpoints_;
  }

 private:
  struct Node;
  void insert(std::unique_ptr<Endpoint> endpoint);

  struct PathHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const {
      return std::hash<std::string_view>{}(path);
    }
  };

  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  std::unique_ptr<Node> root_;
  /// Paths without parameters, found in one step; a literal path goes before all others anyway.
  std::unordered_map<std::string, const Node*, PathHash, std::equal_to<>> literal_paths_;
  std::vector<std::shared_ptr<void>> kept_;
};

/// The body as JSON. Absent, blank or null: an empty object. Malformed, or nested more than 64
/// deep: `Error{bad_request}` with line and column.
Json parse_body(const std::string& text);
/// As above, and `Error{bad_request}` for anything but an object.
Json parse_object_body(const std::string& text);

namespace detail {

template <class T>
struct Awaited {
  using type = T;
  static constexpr bool is_coroutine = false;
};
template <class T>
struct Awaited<asio::awaitable<T>> {
  using type = T;
  static constexpr bool is_coroutine = true;
};

template <class Class, class Returned, class B>
struct HandlerTraits<Returned (Class::*)(Call<B>)> {
  using Body = B;
  using Result = typename Awaited<Returned>::type;
  static constexpr bool is_coroutine = Awaited<Returned>::is_coroutine;
};
template <class Class, class Returned, class B>
struct HandlerTraits<Returned (Class::*)(Call<B>) const>
    : HandlerTraits<Returned (Class::*)(Call<B>)> {};

template <class Body>
Call<Body> make_call(const CallContext& context) {
  if constexpr (std::is_void_v<Body>) {
    return Call<void>{context};
  } else if constexpr (std::is_same_v<Body, Json>) {
    return Call<Json>{context, parse_body(context.request().body)};
  } else {
    Body body{};
    from_json(parse_object_body(context.request().body), body, "body");
    return Call<Body>{context, std::move(body)};
  }
}

/// What stands in the body of an answer.
template <class Result>
struct BodyOf {
  using type = Result;
  static constexpr bool has_status = false;
};
template <class Body>
struct BodyOf<Answer<Body>> {
  using type = Body;
  static constexpr bool has_status = true;
};

template <class Result>
Response to_response(Result result, unsigned status) {
  if constexpr (std::is_same_v<Result, Response>) {
    return result;
  } else if constexpr (BodyOf<Result>::has_status) {
    return json_response(dump(to_json(result.body)), result.status);
  } else {
    return json_response(dump(to_json(result)), status);
  }
}

inline Response empty_response(unsigned status) {
  Response response;
  response.status = status;
  return response;
}

template <class Result, class Object, class Handler, class Body>
asio::awaitable<Response> run_later(Object* object,
                                    Handler handler,
                                    Call<Body> call,
                                    unsigned status) {
  if constexpr (std::is_void_v<Result>) {
    co_await (object->*handler)(std::move(call));
    co_return empty_response(status);
  } else {
    auto result = co_await (object->*handler)(std::move(call));
    co_return to_response(std::move(result), status);
  }
}

}  // namespace detail

template <class Shape, class Object, class Handler>
void Router::add(Route route, Object& object, Handler handler) {
  using Traits = detail::HandlerTraits<Handler>;
  using Body = typename Traits::Body;
  using Result = typename Traits::Result;
  constexpr bool as_signed = std::is_same_v<Shape, detail::AsSigned>;
  static_assert(as_signed != std::is_same_v<Result, Response>,
                "say what is in a Response: add<Shape>(...), or add<void>(...) for no JSON; any "
                "other answer is described by the handler's signature");
  auto endpoint = std::make_unique<Endpoint>();
  if constexpr (!std::is_void_v<Body>) {
    endpoint->request_schema = schema_of<Body>();
  }
  if constexpr (std::is_void_v<Result>) {
    if (route.success_status == 200) route.success_status = 204;
  } else if constexpr (as_signed) {
    endpoint->response_schema = schema_of<typename detail::BodyOf<Result>::type>();
  } else if constexpr (!std::is_void_v<Shape>) {
    endpoint->response_schema = schema_of<Shape>();
  }
  const auto status = route.success_status;
  if constexpr (Traits::is_coroutine) {
    endpoint->later = [target = &object, handler, status](const CallContext& context) {
      return detail::run_later<Result>(target, handler, detail::make_call<Body>(context), status);
    };
  } else {
    endpoint->at_once = [target = &object, handler, status](const CallContext& context) {
      if constexpr (std::is_void_v<Result>) {
        (target->*handler)(detail::make_call<Body>(context));
        return detail::empty_response(status);
      } else {
        return detail::to_response<Result>((target->*handler)(detail::make_call<Body>(context)),
                                           status);
      }
    };
  }
  endpoint->route = std::move(route);
  insert(std::move(endpoint));
}

template <class Object, class Class>
void Router::add_socket(SocketRoute route,
                        Object& object,
                        asio::awaitable<void> (Class::*handler)(std::shared_ptr<WebSocket>)) {
  auto endpoint = std::make_unique<Endpoint>();
  endpoint->socket = [target = &object, handler](std::shared_ptr<WebSocket> socket) {
    return (target->*handler)(std::move(socket));
  };
  endpoint->route.path = std::move(route.path);
  endpoint->route.summary = std::move(route.summary);
  endpoint->route.role = route.role;
  endpoint->route.query = std::move(route.query);
  endpoint->takes = std::move(route.takes);
  endpoint->sends = std::move(route.sends);
  endpoint->route.body_limit = 0;
  insert(std::move(endpoint));
}

}  // namespace portoser::http
