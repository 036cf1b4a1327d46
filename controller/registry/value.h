/// What a key of the registry is set to, and how YAML writes it. Pure; any thread.
#pragma once

#include "common/describe_json.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace portoser::registry {

struct FieldValue {
  enum class Kind {
    null,
    text,  ///< stays text whatever it looks like: "8080", "yes" and "" are written in quotes
    word,  ///< a number or a truth value, written as it is
    list,
    map,
  };
  using Member = std::pair<std::string, FieldValue>;

  Kind kind = Kind::null;
  std::string text;               ///< of text and word
  std::vector<FieldValue> items;  ///< of a list
  std::vector<Member> members;    ///< of a map, in the order in which they are written

  static FieldValue of_text(std::string text);
  static FieldValue of_number(long long number);
  static FieldValue of_amount(double amount);
  static FieldValue of_flag(bool flag);
  static FieldValue of_list(std::vector<FieldValue> items);
  static FieldValue of_texts(const std::vector<std::string>& texts);
  static FieldValue of_map(std::vector<Member> members);
  /// Nulls that stand in a list or map stay.
  static FieldValue of_json(const Json& json);

  [[nodiscard]] bool is_scalar() const {
    return kind == Kind::null || kind == Kind::text || kind == Kind::word;
  }
};

enum class Quotes {
  as_needed,
  single,   ///< unless it has to be escaped
  doubled,  ///< "double" is a word of C++
};

/// Whether text without quotes would be read as something else by some reader of YAML 1.1 or 1.2:
/// `yes`, `1.0`, `0123`, `# x`, `a: b`, "". In a list or map of one line `[]{},` count too.
bool needs_quotes(std::string_view text, bool in_flow);

/// Text that is read back as `text`, in one line.
std::string write_text(std::string_view text, Quotes quotes, bool in_flow);

/// In one line: `[a, b]`, `{type: http, port: 80}`.
std::string write_flow(const FieldValue& value, Quotes quotes, bool in_flow);

}  // namespace portoser::registry
