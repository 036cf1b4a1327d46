/// What a move made on the host that receives it, written down before it is made, so that it can be
/// taken away again whatever happens in between. Blocking; one command for a move at a time.
#pragma once

#include "common/describe.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace portoser::agent::transfer {

struct MadeRoot {
  std::string kind;    ///< folder, path or volume
  std::string path;    ///< of a folder; absolute
  std::string volume;  ///< name
  /// It was there: an empty folder, which stays; or kept from an earlier move, see `replaced`.
  bool was_there = false;
  bool replaced = false;             ///< what was there was of an earlier move, and goes, too
  std::vector<std::string> parents;  ///< folders above it that are made, the lowest first
  bool operator==(const MadeRoot&) const = default;
};
BOOST_DESCRIBE_STRUCT(MadeRoot, (), (kind, path, volume, was_there, replaced, parents))

struct MoveNotes {
  std::string move;
  std::string service;
  std::vector<MadeRoot> made;

  /// Null: not of this move.
  [[nodiscard]] const MadeRoot* find(const std::string& path, const std::string& volume) const;
};
BOOST_DESCRIBE_STRUCT(MoveNotes, (), (move, service, made))

/// `data`: the agent's folder. An id that cannot be the name of a file, here and below:
/// `Error{invalid}`.
std::filesystem::path notes_file(const std::filesystem::path& data, const std::string& move);
/// None: there are none. Damaged: `Error{internal}`.
std::optional<MoveNotes> read_notes(const std::filesystem::path& data, const std::string& move);
void write_notes(const std::filesystem::path& data, const MoveNotes& notes);
void remove_notes(const std::filesystem::path& data, const std::string& move);

}  // namespace portoser::agent::transfer
