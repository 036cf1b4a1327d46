/// YAML as a plain tree with the place of everything in it: aliases followed, merge keys (`<<`)
/// resolved, duplicate keys kept so that they can be reported. Private to the room; the only place
/// that knows yaml-cpp.
#pragma once

#include "controller/registry/text.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

struct Node;
/// Shared, because an alias is the same node again.
using NodePtr = std::shared_ptr<const Node>;

struct Member {
  std::string key;
  Mark mark;  ///< of the key
  NodePtr value;
  bool merged = false;  ///< came in through a merge key
};

struct Node {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  Mark mark;                    ///< of an empty value: its key
  std::string text;             ///< scalar
  bool plain = true;            ///< scalar without quotes: may be a number or a truth value
  std::vector<NodePtr> items;   ///< list
  std::vector<Member> members;  ///< map, in the order of the file, merged ones last
  std::size_t weight = 1;       ///< nodes below it and itself, aliases counted each time

  [[nodiscard]] bool is_null() const { return kind == Kind::null; }
  [[nodiscard]] bool is_scalar() const { return kind == Kind::scalar; }
  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
  [[nodiscard]] bool is_map() const { return kind == Kind::map; }
};

/// Null when the text holds nothing. Anything that is not one YAML document, nests deeper than 100
/// or grows beyond half a million nodes through aliases: `Error{invalid}` with line and column.
/// `text` has passed `check_characters`.
NodePtr parse_tree(std::string_view text, std::string_view file);

/// The same content, whatever its layout.
bool same_content(const Node& a, const Node& b);

/// What it is, for a message: "a list", "a map", "text", "nothing".
std::string_view kind_name(const Node& node);

}  // namespace portoser::registry
