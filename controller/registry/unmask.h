/// Puts secrets back into a text in which they are "***". Private to the room.
#pragma once

#include "controller/registry/layout.h"

#include <string>
#include <string_view>

namespace portoser::registry {

/// MASKED_SECRET with the line and column of a mask in the new text.
Error masked_secret(Mark mark, std::string_view message, std::string_view hint);

/// `text` with the secrets of `before`, whose masked text the author of `text` had. Both with their
/// layouts; `old` is null for a text with nothing in it. Each secret goes back only where it is
/// certain whose place it is: under the same keys; in a list that is the same, or in an item that
/// is the only one of its content; in a comment that stands between the same keys. The result was
/// read again. All else is `Error{invalid}`, MASKED_SECRET.
std::string put_back_secrets(std::string_view text,
                             const Piece& root,
                             std::string_view before,
                             const Piece* old);

}  // namespace portoser::registry
