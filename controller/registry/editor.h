/// The one writer of registry.yml: edits in place, whole texts, backups. What it writes is in force
/// when its answer is there.
///
/// It has threads of its own for the disk, so that who reads waits for no writer; every function
/// may be called from any executor. `Error{unavailable}` of each that writes: DISK_FULL,
/// REGISTRY_NOT_WRITABLE, REGISTRY_LOCKED; nothing is changed then.
#pragma once

#include "common/tasks.h"
#include "controller/registry/backups.h"
#include "controller/registry/changes.h"
#include "controller/registry/edit.h"
#include "controller/registry/file.h"
#include "controller/registry/watch.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace portoser::registry {

/// By whom, and on which condition.
struct EditTerms {
  std::string who;
  /// The edit is made only while this is so of the entry (or the text): one of these is its
  /// revision, or "*" is among them and it is there. Empty: in any case.
  std::vector<std::string> if_revision;
  bool force = false;  ///< also remove a service that others depend on
};

struct EditOutcome {
  std::string revision;           ///< of the text as it was written
  std::string entry_revision;     ///< empty: it was removed
  std::vector<Finding> warnings;  ///< about the entry
};

struct TextOutcome {
  std::string revision;
  Changes changes;
  std::vector<Finding> findings;
};

/// The file as it lies on the disk.
struct TextOnDisk {
  std::string text;      ///< secrets are "***"
  std::string revision;  ///< of the text with its secrets; empty: there is no file
};

/// What a text would do.
struct Preview {
  bool valid = false;
  std::optional<Problem> problem;  ///< why the file would be refused
  Changes changes;                 ///< against what is in force
  std::vector<Finding> findings;
};

class RegistryEditor {
 public:
  /// `before_replace` is for tests, as in file.h.
  RegistryEditor(RegistryWatch& watch,
                 std::filesystem::path file,
                 std::filesystem::path backups,
                 const Clock& clock,
                 std::function<void()> before_replace = {});
  RegistryEditor(const RegistryEditor&) = delete;
  RegistryEditor& operator=(const RegistryEditor&) = delete;
  ~RegistryEditor();

  /// Beside what `apply_edit` throws: `invalid` with `where` = "body.<field>" and details, when the
  /// entry would have an error that it had not before, or a value would not count;
  /// `conflict`, MACHINE_IN_USE (a host with services) or SERVICE_NEEDED (a service that others
  /// depend on), names in the details; PRECONDITION_FAILED. Somebody who saves the file at the same
  /// time loses nothing: the edit is made in what they saved.
  asio::awaitable<EditOutcome> edit(EntryEdit edit, EditTerms terms);

  /// Whether an edit would be refused as things are now; throws as `edit` would, and changes
  /// nothing.
  asio::awaitable<void> require_possible(EntryEdit edit, EditTerms terms);
  /// What waits for the file is refused from now on. Before those who wait are gone.
  void stop() { stopping_ = true; }

  asio::awaitable<TextOnDisk> text();
  /// Replaces the whole text; a "***" that stands where the old text has a secret means that one.
  /// A text that is no registry: `invalid` with line and column; a "***" that means nothing:
  /// `invalid`, MASKED_SECRET; another text came meanwhile: PRECONDITION_FAILED.
  asio::awaitable<TextOutcome> replace(std::string text, EditTerms terms);
  /// Nothing is written.
  asio::awaitable<Preview> preview(std::string text);

  asio::awaitable<std::vector<Backup>> history();
  /// Puts the text of a backup in force. `not_found`, BACKUP_UNKNOWN; else as `replace`.
  asio::awaitable<TextOutcome> restore(std::string id, EditTerms terms);

 private:
  using Change = std::function<std::string(const std::optional<std::string>& before)>;

  /// On the thread: reads, changes and writes under the lock. The text that is there then.
  std::string write(const EditTerms& terms,
                    const std::string& what,
                    RegistryFile::Deadline deadline,
                    const Change& change);
  std::optional<std::string> read_at_rest() const;
  std::string write_text(const EditTerms& terms,
                         const std::string& what,
                         RegistryFile::Deadline deadline,
                         const std::function<std::string(const std::string& before)>& make);
  /// Of `text`, which was written.
  asio::awaitable<std::shared_ptr<const Registry>> put_in_force(std::string text);
  /// `before` outlives the call.
  asio::awaitable<TextOutcome> finish(std::string text, const Registry& before);

  RegistryWatch& watch_;
  RegistryFile file_;
  Backups backups_;
  std::string file_name_;
  const Clock& clock_;
  std::string last_written_;  ///< of the thread that writes
  std::atomic<bool> stopping_{false};
  asio::thread_pool reading_{1};
  asio::thread_pool thread_{1};
};

}  // namespace portoser::registry
