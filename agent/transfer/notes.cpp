#include "agent/transfer/notes.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "common/file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace portoser::agent::transfer {

const MadeRoot* MoveNotes::find(const std::string& path, const std::string& volume) const {
  const auto found = std::find_if(made.begin(), made.end(), [&](const MadeRoot& root) {
    return root.path == path && root.volume == volume;
  });
  return found == made.end() ? nullptr : &*found;
}

std::filesystem::path notes_file(const std::filesystem::path& data, const std::string& move) {
  constexpr std::string_view allowed =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_-";
  constexpr std::size_t longest = 100;
  if (move.empty() || move.size() > longest ||
      move.find_first_not_of(allowed) != std::string::npos) {
    throw Error{Code::invalid, fmt::format("\"{}\" cannot be the id of a move", move), "move"};
  }
  return data / "moves" / (move + ".json");
}

std::optional<MoveNotes> read_notes(const std::filesystem::path& data, const std::string& move) {
  const auto file = notes_file(data, move);
  std::string text;
  try {
    text = read_file(file);
  } catch (const Error& error) {
    if (error.code() != Code::not_found) throw;
    return std::nullopt;
  }
  MoveNotes notes;
  try {
    from_json(Json::parse(text), notes, "notes");
  } catch (const std::exception& error) {
    throw Error{Code::internal, fmt::format("{} cannot be read: {}", file.string(), error.what())};
  }
  return notes;
}

void write_notes(const std::filesystem::path& data, const MoveNotes& notes) {
  const auto file = notes_file(data, notes.move);
  make_folder(file.parent_path(), 0700);
  const Descriptor above{::open(data.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (above.is_open()) ::fsync(above.get());
  write_file_atomic(file, dump(to_json(notes)), 0600);
}

void remove_notes(const std::filesystem::path& data, const std::string& move) {
  std::error_code failure;
  std::filesystem::remove(notes_file(data, move), failure);
  if (failure) {
    throw Error{
        Code::internal,
        fmt::format("cannot remove {}: {}", notes_file(data, move).string(), failure.message())};
  }
}

}  // namespace portoser::agent::transfer
