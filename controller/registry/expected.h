/// What a file says after an edit, worked out without its text, so that the text can be compared
/// with it. Private to the room.
#pragma once

#include "controller/registry/rewrite.h"
#include "controller/registry/tree.h"

#include <optional>
#include <string>
#include <vector>

namespace portoser::registry {

/// One change: the member `key` of a map gets a value, or goes.
struct EditStep {
  Path map;
  std::string key;
  std::optional<FieldValue> value;  ///< none: it goes
};

/// The tree after the step; `root` may be null for a file with nothing in it. A map on the way that
/// is not there: `Error{internal}`.
NodePtr with_step(const NodePtr& root, const EditStep& step);

/// The path of the first difference ("services.notes.port"); none when both say the same. Quotes
/// count where they change what a value is.
std::optional<std::string> first_difference(const NodePtr& expected, const NodePtr& actual);

/// Whether a value is there already, to the letter.
bool says(const Node& node, const FieldValue& value);

}  // namespace portoser::registry
