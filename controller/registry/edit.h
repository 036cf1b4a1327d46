/// An edit of one host or one service in the text of a registry. Pure; any thread.
#pragma once

#include "controller/registry/value.h"

#include <string>
#include <string_view>
#include <vector>

namespace portoser::registry {

enum class Section { hosts, services };

/// One field, by the name that docs/registry.md has first; a null value takes it out. Of
/// `healthcheck_url` and `healthcheck_command` the `url` and the `command` in the entry's `health`
/// are meant where there is one, and before `url` a URL in its `endpoint`.
struct FieldChange {
  std::string field;
  FieldValue value;
};

struct EntryEdit {
  enum class Kind { add, change, remove };

  Kind kind = Kind::change;
  Section section = Section::services;
  std::string name;
  std::vector<FieldChange> fields;  ///< in the order in which new ones are written
};

/// The name that docs/registry.md has first for a key of an entry; the key itself when it has one
/// name only.
std::string canonical_field(Section section, std::string_view key);

/// "host" or "service", for messages.
std::string_view word_for(Section section);

/// The text after the edit: comments, order, quotes, line ends and the file's own spelling of its
/// keys stay, and every byte that the edit is not about. The result was read again and says what
/// was asked for and nothing else; the same text when it said so before. Throws:
/// - `conflict`, NAME_TAKEN: an entry to add is there
/// - `not_found`, MACHINE_UNKNOWN or SERVICE_UNKNOWN: one to change or remove is not
/// - `conflict`, EDIT_NOT_SAFE, with line and column: only a person can do it (anchors, merge keys)
/// - `invalid`, "body.healthcheck_url": it is said in `health` too, likewise the command
/// - `conflict`, REGISTRY_BROKEN: the text is no registry
std::string apply_edit(std::string_view text, std::string_view file, const EntryEdit& edit);

}  // namespace portoser::registry
