#include "controller/api/client_message.h"

namespace portoser::api {

Json client_message(const std::string& text) {
  constexpr int deepest = 8;
  bool is_too_deep = false;
  const auto guard = [&](int depth, Json::parse_event_t, Json&) {
    is_too_deep = is_too_deep || depth > deepest;
    return !is_too_deep;  // what is too deep is not kept
  };
  auto message = Json::parse(text, guard, false);
  return message.is_object() && !is_too_deep ? std::move(message) : Json(nullptr);
}

std::string text_of(const Json& message, const char* key) {
  const auto found = message.find(key);
  return found != message.end() && found->is_string() ? found->get<std::string>() : "";
}

Json stamped(std::string_view type, const Clock& clock) {
  return Json{{"type", type}, {"timestamp", to_rfc3339(clock.now())}};
}

std::string error_frame(const std::string& message, const Clock& clock) {
  auto frame = stamped("error", clock);
  frame["message"] = message;
  return dump(frame);
}

std::string as_repeated(const std::string& text) {
  constexpr std::size_t most = 100;
  return text.size() <= most ? text : text.substr(0, most) + "…";
}

}  // namespace portoser::api
