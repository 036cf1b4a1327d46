/// Which edits are allowed, from what the file said before and would say. Pure. Private to the
/// room.
#pragma once

#include "controller/registry/edit.h"
#include "controller/registry/model.h"

#include <string>
#include <vector>

namespace portoser::registry {

/// New names have the form of docs/registry.md: `Error{invalid}`, "body.name".
void require_new_name(const EntryEdit& edit);

/// `Error{conflict}`, MACHINE_IN_USE or SERVICE_NEEDED, who is in the way in the details.
void require_removable(const Registry& before, const EntryEdit& edit, bool force);

/// `revisions` as in `EditTerms`; `revision` is what is there, empty for nothing. What does not
/// fit: `Error{conflict}`, PRECONDITION_FAILED.
void require_revision(const std::vector<std::string>& revisions, const std::string& revision);

/// The entry has no error that it had not before, and no value of the edit is passed over:
/// `Error{invalid}`, "body.<field>".
void require_no_new_errors(const Registry& before, const Registry& after, const EntryEdit& edit);

/// Empty when there is no such entry.
std::string revision_of_entry(const Registry& registry, Section section, const std::string& name);
std::vector<Finding> findings_of_entry(const Registry& registry,
                                       Section section,
                                       const std::string& name);

/// "service notes changed: port, hostname"
std::string summary_of(const EntryEdit& edit);

}  // namespace portoser::registry
