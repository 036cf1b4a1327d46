/// Where in a text of a registry something stands that is shown as "***". Private to the room.
#pragma once

#include "controller/registry/layout.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

struct SecretPlace {
  std::string path;  ///< of keys and indexes; for comments empty
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string shown;  ///< what stands there instead, as YAML reads it; of a comment as written
  [[nodiscard]] bool is_comment() const { return path.empty(); }
};

/// In the order of the text: values under keys that look secret, anchors that such keys name,
/// passwords in URLs and assignments, and the same in comments. `root` is the layout of `text`.
std::vector<SecretPlace> secrets_in(std::string_view text, const Piece& root);

/// A scalar with its path, as `secrets_in` writes paths.
struct ScalarPlace {
  std::string path;
  std::string parent;    ///< path of the list or map that it is in
  std::string_view key;  ///< empty: in a list
  const Piece* piece = nullptr;
};
std::vector<ScalarPlace> scalars_in(const Piece& root);

/// A comment with its "#"; [begin, end) of the text.
struct CommentPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::vector<CommentPlace> comments_in(std::string_view text, const Piece& root);

/// A line or comment with all that looks secret in it hidden; it need not be YAML.
std::string mask_line(std::string_view line);

}  // namespace portoser::registry
