/// Where everything in a YAML text begins and ends, as it is written: aliases not followed, merge
/// keys not resolved. What an edit in place needs beside the tree. Private to the room; layout.cpp
/// and tree.cpp alone know yaml-cpp.
#pragma once

#include "controller/registry/text.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

struct Piece;
using PiecePtr = std::unique_ptr<Piece>;

/// Offsets are bytes from the beginning of the text.
struct PieceMember {
  std::string key;
  std::size_t begin = 0;                       ///< of the key, its quotes included
  std::size_t key_end = 0;                     ///< behind the key
  std::size_t colon = std::string_view::npos;  ///< none: a key alone in a map of one line
  bool odd = false;                            ///< "? key", or a key with an anchor or a tag
  PiecePtr value;
};

struct Piece {
  enum class Kind { null, scalar, alias, list, map };

  Kind kind = Kind::null;
  std::size_t begin = 0;    ///< its anchor and tag included; of an empty value: behind the colon
  std::size_t content = 0;  ///< behind anchor and tag
  std::size_t end = 0;      ///< behind its last byte; an empty value ends where it begins
  bool flow = false;        ///< list and map: written in brackets
  bool anchored = false;    ///< it has an anchor
  bool tagged = false;
  std::string text;  ///< scalar: as it is read
  std::vector<PiecePtr> items;
  std::vector<PieceMember> members;

  [[nodiscard]] bool is_map() const { return kind == Kind::map; }
  [[nodiscard]] bool is_list() const { return kind == Kind::list; }
  [[nodiscard]] bool is_empty() const { return begin == end; }
  /// The first of that key; null when there is none.
  [[nodiscard]] const PieceMember* find(std::string_view key) const;
};

/// Null when the text holds nothing. `text` has passed `parse_tree`, so it is one document of YAML.
/// A text whose pieces cannot be placed: `Error{conflict}`, EDIT_NOT_SAFE.
PiecePtr parse_layout(std::string_view text, std::string_view file);

/// The line and column of an offset.
Mark mark_of(std::string_view text, std::size_t offset);

/// Nothing was changed, since it cannot be done without changing something else.
Error not_safe(std::string_view file, Mark mark, const std::string& message, std::string_view hint);

/// Fills the ends of all pieces; begins are set. For `parse_layout`.
void place_ends(Piece& root, std::string_view text, std::string_view file);

}  // namespace portoser::registry
