#include "controller/http/openapi.h"

#include "common/version.h"
#include "controller/http/respond.h"
#include "controller/http/router.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

namespace portoser::http {
namespace {

std::string lower_case(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  return out;
}

/// "services" for "/api/services/{service}", "ping" for "/ping".
std::string tag_of(std::string_view path) {
  path.remove_prefix(1);
  const auto first = path.substr(0, path.find('/'));
  if (first.size() == path.size()) return std::string{first};
  path.remove_prefix(first.size() + 1);
  return std::string{path.substr(0, path.find('/'))};
}

/// "post_api_services_service_restart"
std::string operation_id(const Route& route) {
  std::string id = lower_case(to_string(route.method));
  for (const char c : route.path) {
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_word) {
      id += c;
    } else if (id.back() != '_') {
      id += '_';
    }
  }
  while (id.back() == '_') id.pop_back();
  return id;
}

Json schema_of_parameter(const Parameter& parameter) {
  Json schema{{"type", parameter.type}};
  if (!parameter.allowed.empty()) schema["enum"] = parameter.allowed;
  return schema;
}

Json parameters_of(const Endpoint& endpoint) {
  Json list = Json::array();
  for (const auto& name : endpoint.parameters) {
    list.push_back(
        {{"name", name}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}});
  }
  for (const auto& parameter : endpoint.route.query) {
    list.push_back({{"name", parameter.name},
                    {"in", "query"},
                    {"description", parameter.description},
                    {"schema", schema_of_parameter(parameter)}});
  }
  return list;
}

Json responses_of(const Endpoint& endpoint) {
  const auto& route = endpoint.route;
  Json success{{"description", std::string{reason_phrase(route.success_status)}}};
  if (!endpoint.response_schema.is_null()) {
    success["content"]["application/json"]["schema"] = endpoint.response_schema;
  }
  if (!route.text_type.empty()) {
    success["content"][route.text_type]["schema"] = {{"type", "string"}};
  }
  Json responses = Json::object();
  responses[std::to_string(route.success_status)] = success;
  if (route.repeat_status != 0) {
    success["description"] = std::string{reason_phrase(route.repeat_status)};
    responses[std::to_string(route.repeat_status)] = success;
  }
  auto codes = route.errors;
  if (route.role != Role::public_) {
    codes.push_back(Code::unauthenticated);
    codes.push_back(Code::forbidden);
  }
  if (!endpoint.request_schema.is_null()) {
    codes.insert(codes.end(), {Code::bad_request, Code::invalid, Code::too_large});
  }
  for (const auto& parameter : route.query) {
    if (!parameter.allowed.empty()) codes.push_back(parameter.refused_as);
    if (parameter.type != "string") codes.push_back(Code::invalid);
  }
  codes.push_back(Code::internal);
  std::set<unsigned> statuses;
  for (const auto code : codes) statuses.insert(status_of(code));
  for (const auto status : statuses) {
    responses[std::to_string(status)]["$ref"] = "#/components/responses/Error";
  }
  return responses;
}

Json operation_of(const Endpoint& endpoint) {
  const auto& route = endpoint.route;
  Json operation{{"operationId", operation_id(route)},
                 {"summary", route.summary},
                 {"tags", Json::array({tag_of(route.path)})},
                 {"x-role", std::string{to_string(route.role)}}};
  if (route.role == Role::public_) operation["security"] = Json::array();
  if (auto parameters = parameters_of(endpoint); !parameters.empty()) {
    operation["parameters"] = std::move(parameters);
  }
  if (!endpoint.request_schema.is_null()) {
    operation["requestBody"]["content"]["application/json"]["schema"] = endpoint.request_schema;
  }
  operation["responses"] = responses_of(endpoint);
  return operation;
}

Json error_schema() {
  const Json text{{"type", "string"}};
  const Json finding{{"type", "object"}, {"properties", {{"where", text}, {"message", text}}}};
  const Json inner{{"type", "object"},
                   {"properties",
                    {{"message", text},
                     {"status", {{"type", "integer"}}},
                     {"path", text},
                     {"method", text},
                     {"timestamp", {{"type", "string"}, {"format", "date-time"}}},
                     {"suggestion", text},
                     {"details", {{"type", "array"}, {"items", finding}}},
                     {"field_errors", {{"type", "object"}, {"additionalProperties", text}}}}}};
  return {{"type", "object"},
          {"properties",
           {{"error", inner},
            {"message", text},
            {"detail", text},
            {"code", text},
            {"reason", text},
            {"hint", text},
            {"where", text}}}};
}

/// Holds the text that GET /openapi.json gives.
class Document {
 public:
  explicit Document(std::string text)
      : text_(std::make_shared<const std::string>(std::move(text))) {}
  Response get(Call<void> /*call*/) const { return json_response(text_); }

 private:
  std::shared_ptr<const std::string> text_;
};

}  // namespace

std::string openapi_document(const Router& router, std::string_view title) {
  Json paths = Json::object();
  Json sockets = Json::object();
  for (const auto& endpoint : router.endpoints()) {
    const auto& route = endpoint->route;
    if (endpoint->socket) {
      sockets[route.path] = {{"summary", route.summary},
                             {"x-role", std::string{to_string(route.role)}},
                             {"parameters", parameters_of(*endpoint)},
                             {"x-client-actions", endpoint->takes},
                             {"x-server-types", endpoint->sends}};
    } else {
      paths[route.path][lower_case(to_string(route.method))] = operation_of(*endpoint);
    }
  }
  Json document{{"openapi", "3.1.0"},
                {"info", {{"title", title}, {"version", std::string{version}}}},
                {"security", Json::array({{{"bearer", Json::array()}}})},
                {"paths", paths},
                {"x-websockets", sockets}};
  document["components"]["securitySchemes"]["bearer"] = {{"type", "http"}, {"scheme", "bearer"}};
  auto& error = document["components"]["responses"]["Error"];
  error["description"] = "What went wrong, where, and what to do";
  error["content"]["application/json"]["schema"] = error_schema();
  return dump(document);
}

void serve_openapi(Router& router, std::string_view title) {
  Route route;
  route.path = "/openapi.json";
  route.summary = "This document";
  route.role = Role::public_;
  router.keep<std::map<std::string, Json>>(
      std::make_shared<Document>(openapi_document(router, title)),
      std::move(route),
      &Document::get);
}

}  // namespace portoser::http
