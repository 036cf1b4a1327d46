/// Structured log: a constant message and fields. Any thread. Text on a terminal, JSON on request,
/// journald's priorities under systemd.
#pragma once

#include <concepts>
#include <initializer_list>
#include <string>
#include <string_view>

namespace portoser::log {

enum class Level { debug, info, warn, error };

struct Field {
  std::string name;
  std::string value;
  bool is_number = false;

  Field(std::string_view key, std::string_view text) : name(key), value(text) {}
  Field(std::string_view key, const char* text) : name(key), value(text) {}
  Field(std::string_view key, const std::string& text) : name(key), value(text) {}
  Field(std::string_view key, bool flag) : name(key), value(flag ? "true" : "false") {}
  template <class Number>
  requires((std::integral<Number> || std::floating_point<Number>)&&!std::same_as<Number, bool>)
      Field(std::string_view key, Number number)
      : name(key), value(std::to_string(number)), is_number(true) {}
};

using Fields = std::initializer_list<Field>;

enum class Format { text, json };

/// Called once, before threads start. Without it: level info, text.
void configure(Level level, Format format);
/// "debug", "info", "warn" (or "warning"), "error"; anything else: `Error{invalid}`.
Level level_from_string(std::string_view text);

/// `room` is the room that speaks, `message` a constant. The same warning or error with the same
/// fields is written once in ten seconds, then with a count of what was held back.
void write(Level level, std::string_view room, std::string_view message, Fields fields);

inline void debug(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::debug, room, message, fields);
}
inline void info(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::info, room, message, fields);
}
inline void warn(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::warn, room, message, fields);
}
inline void error(std::string_view room, std::string_view message, Fields fields = {}) {
  write(Level::error, room, message, fields);
}

}  // namespace portoser::log
