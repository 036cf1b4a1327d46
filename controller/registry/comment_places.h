/// Where comments stand among the keys of a text, so that they are known again in another one.
/// Private to the room.
#pragma once

#include "controller/registry/secrets.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

struct NamedComment {
  CommentPlace place;
  /// What it says, and the keys before and, of one with a line of its own, behind it. In a list the
  /// content of the whole list is part of this.
  std::string name;
};

/// Those with a "***", in the order of the text.
std::vector<NamedComment> masked_comments_in(std::string_view text, const Piece& root);

/// What a piece says, whatever its layout: equal for what is shown alike.
std::string content_of(const Piece& piece, std::string_view text);

/// Two members of that map have the same key.
bool has_twins(const Piece& map);

}  // namespace portoser::registry
