/// Where in a text of a registry something stands that is shown as "***". Private to the room.
#pragma once

#include "controller/registry/layout.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

struct SecretPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
  std::string shown;  ///< what stands there instead, as YAML reads it; of a comment as written
  bool is_comment = false;
};

/// In the order of the text: values under keys that look secret, anchors that these name or that
/// stand for something below them, passwords in URLs and assignments, and the same in comments.
/// `root` is the layout of `text`.
std::vector<SecretPlace> secrets_in(std::string_view text, const Piece& root);

/// Where in what is shown a secret was.
struct HiddenPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
  SecretPlace secret;
};

/// A text as it is shown.
struct MaskedText {
  std::string text;
  std::vector<HiddenPlace> hidden;  ///< in its order
};
MaskedText hide_secrets(std::string_view text, const Piece& root);

/// A comment with its "#"; [begin, end) of the text.
struct CommentPlace {
  std::size_t begin = 0;
  std::size_t end = 0;
};
std::vector<CommentPlace> comments_in(std::string_view text, const Piece& root);

}  // namespace portoser::registry
