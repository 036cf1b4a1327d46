#include "agent/actions/journal.h"

#include "common/describe_json.h"
#include "common/disk.h"
#include "common/file.h"
#include "common/ids.h"
#include "common/log.h"

#include <algorithm>
#include <fcntl.h>
#include <unistd.h>

namespace portoser::agent::actions {
namespace {

namespace fs = std::filesystem;

constexpr auto command_file = "command.json";
constexpr auto result_file = "result.json";
constexpr auto result_room_file = "result.room";
constexpr std::size_t result_room = 4096;
constexpr unsigned private_mode = 0600;

/// A command with its arguments as text.
struct StoredCommand {
  std::string id;
  std::string name;
  std::int64_t duration_ms = 0;
  std::string arguments;  ///< base64url
};
BOOST_DESCRIBE_STRUCT(StoredCommand, (), (id, name, duration_ms, arguments))

template <class T>
T described_from(const std::string& text) {
  T value;
  from_json(Json::parse(text), value, "journal");
  return value;
}

/// `parse` of the file's text; none when the file is not there or not what it should be.
template <class Parse>
auto read_entry(const fs::path& path, Parse parse) -> std::optional<decltype(parse(""))> {
  try {
    return parse(read_file(path));
  } catch (const Error& error) {
    if (error.code() == Code::not_found) return std::nullopt;
    log::warn("actions",
              "journal entry cannot be read",
              {{"file", path.string()}, {"reason", error.what()}});
  } catch (const std::exception& error) {
    log::warn("actions",
              "journal entry cannot be read",
              {{"file", path.string()}, {"reason", error.what()}});
  }
  return std::nullopt;
}

struct Finished {
  fs::path folder;
  fs::file_time_type ended;  ///< above that of every result before it
  std::uintmax_t bytes = 0;
};

/// Not flushed: a runner that lost power has no use for it.
void write_new(const fs::path& path, std::string_view text) {
  const Descriptor file{
      ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, private_mode)};
  const auto done = file.is_open() ? ::write(file.get(), text.data(), text.size()) : ssize_t{-1};
  if (done == static_cast<ssize_t>(text.size())) return;
  // What ends a write half way is a disk that is full; errno does not say so.
  if (done >= 0 || means_disk_full(errno)) {
    throw disk_full_error(path.parent_path(), "cannot write " + path.string());
  }
  throw Error{Code::internal, system_error_text("cannot write", path), path.string()};
}

/// A name that was made there survives a power cut.
void flush_entries(const fs::path& folder) {
  const Descriptor directory{::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (directory.is_open()) ::fsync(directory.get());
}

void flush_file(const fs::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!file.is_open() || ::fsync(file.get()) == 0) return;
  throw Error{Code::internal, system_error_text("cannot flush", path), path.string()};
}

/// Over the room that was made for it. False: there is none, or it is too long.
bool write_into_room(const fs::path& folder, protocol::CommandResult result) {
  result.last_lines.clear();
  const auto text = dump(to_json(result));
  const auto room = folder / result_room_file;
  const Descriptor file{::open(room.c_str(), O_WRONLY | O_CLOEXEC)};
  const auto size = static_cast<ssize_t>(text.size());
  if (!file.is_open() || text.size() > result_room ||
      ::pwrite(file.get(), text.data(), text.size(), 0) != size ||
      ::ftruncate(file.get(), size) != 0 || ::fdatasync(file.get()) != 0) {
    return false;
  }
  std::error_code failure;
  fs::rename(room, folder / result_file, failure);
  if (failure) return false;
  flush_entries(folder);
  return true;
}

std::vector<fs::path> entries_of(const fs::path& folder) {
  std::vector<fs::path> entries;
  std::error_code failure;
  for (const auto& entry : fs::directory_iterator{folder, failure}) {
    if (is_ulid(entry.path().filename().string())) entries.push_back(entry.path());
  }
  return entries;
}

std::vector<Finished> finished_in(const fs::path& folder) {
  std::vector<Finished> finished;
  for (const auto& entry : entries_of(folder)) {
    std::error_code failure;
    const auto ended = fs::last_write_time(entry / result_file, failure);
    if (!failure) finished.push_back({entry, ended});
  }
  return finished;
}

std::uintmax_t size_of(const fs::path& folder) {
  std::uintmax_t bytes = 0;
  std::error_code failure;
  for (const auto& file : fs::directory_iterator{folder, failure}) {
    const auto size = file.file_size(failure);
    if (!failure) bytes += size;
  }
  return bytes;
}

}  // namespace

Journal::Journal(fs::path folder, JournalLimits limits)
    : folder_(std::move(folder)), limits_(limits) {
  make_folder(folder_, 0700);
}

void Journal::begin(const protocol::Command& command) {
  StoredCommand stored;
  stored.id = command.id;
  stored.name = command.name;
  stored.duration_ms = command.duration_ms;
  stored.arguments = to_base64url(command.arguments.data);
  const auto folder = folder_of(command.id);
  try {
    make_folder(folder, 0700);
    write_new(folder / result_room_file, std::string(result_room, ' '));
    write_file_atomic(folder / command_file, dump(to_json(stored)), private_mode);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(folder, ignored);  // else it would be found there as a command that was cut off
    throw;
  }
  // The folder's own name must survive too, or a repeat after a power cut would run again.
  flush_entries(folder_);
}

void Journal::plan(const std::string& id, const runner::Spec& spec) {
  const auto folder = folder_of(id);
  write_new(folder / runner::output_file, "");
  write_new(folder / runner::reserved_outcome_file, std::string(runner::outcome_bytes, ' '));
  write_new(folder / runner::lock_file, std::string(runner::pid_bytes, ' '));
  if (!spec.parameters.empty()) write_new(folder / runner::parameters_file, spec.parameters);
  if (!spec.undo.empty()) {
    write_new(folder / runner::progress_file, std::string(runner::progress_bytes, ' '));
  }
  write_new(folder / runner::spec_file, to_text(spec));
  if (spec.undo.empty()) return;
  // Whoever undoes it after a power cut needs the spec. What the file holds comes before its name.
  flush_file(folder / runner::spec_file);
  if (!spec.parameters.empty()) flush_file(folder / runner::parameters_file);
  flush_file(folder / runner::progress_file);
  flush_entries(folder);
}

void Journal::finish(const protocol::CommandResult& result) const {
  const auto folder = folder_of(result.command_id);
  try {
    make_folder(folder, 0700);
    write_file_atomic(folder / result_file, dump(to_json(result)), private_mode);
  } catch (...) {
    if (!write_into_room(folder, result)) {
      std::error_code ignored;
      fs::remove(folder, ignored);  // it has nothing in it if it was made here
      throw;
    }
  }
  std::error_code ignored;
  fs::remove(folder / result_room_file, ignored);
  make_newest(folder);
}

/// The file's time is what the order of results is told by, and the kernel takes it from a clock
/// that may have been set back since the one before.
void Journal::make_newest(const fs::path& entry) const {
  constexpr std::chrono::milliseconds step{1};
  std::error_code failure;
  const auto ended = fs::last_write_time(entry / result_file, failure);
  if (failure) return;
  auto newest = fs::file_time_type::min();
  for (const auto& other : finished_in(folder_)) {
    if (other.folder != entry) newest = std::max(newest, other.ended);
  }
  if (ended <= newest) fs::last_write_time(entry / result_file, newest + step, failure);
}

std::optional<protocol::Command> Journal::command(const std::string& id) const {
  return read_entry(folder_of(id) / command_file, [](const std::string& text) {
    const auto stored = described_from<StoredCommand>(text);
    protocol::Command command;
    command.id = stored.id;
    command.name = stored.name;
    command.duration_ms = stored.duration_ms;
    command.arguments.data = from_base64url(stored.arguments);
    return command;
  });
}

std::optional<runner::Spec> Journal::spec(const std::string& id) const {
  return read_entry(folder_of(id) / runner::spec_file,
                    [](const std::string& text) { return runner::spec_from(text); });
}

std::optional<Time> Journal::planned_at(const std::string& id) const {
  std::error_code failure;
  const auto written = fs::last_write_time(folder_of(id) / runner::spec_file, failure);
  if (failure) return std::nullopt;
  return std::chrono::time_point_cast<Time::duration>(std::chrono::file_clock::to_sys(written));
}

std::optional<runner::Outcome> Journal::outcome(const std::string& id) const {
  return read_entry(folder_of(id) / runner::outcome_file,
                    [](const std::string& text) { return runner::outcome_from(text); });
}

std::optional<protocol::CommandResult> Journal::result(const std::string& id) const {
  return read_entry(folder_of(id) / result_file, [](const std::string& text) {
    return described_from<protocol::CommandResult>(text);
  });
}

std::vector<std::string> Journal::unfinished() const {
  std::vector<std::string> ids;
  for (const auto& entry : entries_of(folder_)) {
    std::error_code failure;
    if (!fs::exists(entry / result_file, failure)) ids.push_back(entry.filename().string());
  }
  // A ULID begins with its time.
  std::sort(ids.begin(), ids.end());
  return ids;
}

void Journal::prune() const {
  auto finished = finished_in(folder_);
  for (auto& entry : finished) entry.bytes = size_of(entry.folder);
  std::sort(finished.begin(), finished.end(), [](const auto& one, const auto& other) {
    return one.ended > other.ended;
  });
  std::size_t kept = 0;
  std::uintmax_t bytes = 0;
  for (const auto& entry : finished) {
    bytes += entry.bytes;
    if (kept < limits_.entries && bytes <= limits_.bytes) {
      ++kept;
      continue;
    }
    std::error_code failure;
    fs::remove_all(entry.folder, failure);
  }
}

}  // namespace portoser::agent::actions
