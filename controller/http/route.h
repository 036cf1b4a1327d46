/// The table of routes: what each says about itself, and what runs when it is asked for.
#pragma once

#include "common/describe_json.h"
#include "common/error.h"
#include "common/tasks.h"
#include "controller/http/call.h"
#include "controller/http/response.h"
#include "controller/http/websocket.h"

#include <boost/asio/awaitable.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace portoser::http {

/// A query parameter. The pipeline refuses a word that is not in `allowed`; the rest is for the
/// documentation.
struct Parameter {
  std::string name;
  std::string description{};
  std::string type{"string"};           ///< of JSON Schema: "string", "integer", "boolean"
  std::vector<std::string> allowed{};   ///< the words that it may be; empty: any
  Code refused_as = Code::bad_request;  ///< another word
};

struct Route {
  Method method = Method::get;
  std::string path{};  ///< "/api/services/{service}/restart"
  std::string summary{};
  Role role = Role::viewer;
  std::vector<Code> errors{};  ///< beyond those that every route may give
  std::vector<Parameter> query{};
  unsigned success_status = 200;
  unsigned repeat_status = 0;  ///< of a request that changed nothing any more; 0: none
  /// Media type of an answer in text, beside JSON or instead of it; empty: none.
  std::string text_type{};
  std::size_t body_limit = 1U << 20U;  ///< bytes; more is 413
  /// Machines ask for it all the time: no audit entry for a success.
  bool is_routine = false;
};

struct SocketRoute {
  std::string path{};
  std::string summary{};
  Role role = Role::viewer;
  std::vector<Parameter> query{};
  // For the documentation; docs/sockets.md has the shapes.
  std::vector<std::string> takes{};  ///< the actions that a client may ask for
  std::vector<std::string> sends{};  ///< the types of the server's frames
};

/// One row of the table. Exactly one of the three functions is set.
struct Endpoint {
  Route route;
  std::vector<std::string> parameters;  ///< names in the path, in order
  std::function<Response(CallContext)> at_once;
  std::function<asio::awaitable<Response>(CallContext)> later;
  std::function<asio::awaitable<void>(std::shared_ptr<WebSocket>)> socket;
  Json request_schema;             ///< null: no body
  Json response_schema;            ///< null: no JSON, but `route.text_type` or nothing (204)
  std::vector<std::string> takes;  ///< of a socket, as in `SocketRoute`
  std::vector<std::string> sends;
};

}  // namespace portoser::http
