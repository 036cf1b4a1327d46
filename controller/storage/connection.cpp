#include "controller/storage/connection.h"

#include "common/disk.h"
#include "common/error.h"
#include "common/file.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <cerrno>
#include <fcntl.h>
#include <sqlite3.h>
#include <utility>

namespace portoser::storage {
namespace {

/// How long a connection waits for another process, such as `portoser-controller token`.
constexpr int busy_timeout_ms = 5000;

Error storage_failed(const std::string& message,
                     const std::filesystem::path& path,
                     std::string_view hint) {
  return Error{Code::unavailable, message, path.string()}.reason("STORAGE_FAILED").hint(hint);
}

Error full(const std::filesystem::path& path) {
  return storage_failed(
      fmt::format("the disk that holds {} is full: nothing was stored", path.string()),
      path,
      "make room on that disk; storing goes on by itself");
}

/// SQLite has a code of its own for it only where it writes rows; where it makes a file beside
/// the database, it is an error like others.
bool is_for_want_of_room(int code, const std::filesystem::path& path) {
  return code == SQLITE_FULL || ((code == SQLITE_IOERR || code == SQLITE_CANTOPEN) &&
                                 disk_room(path.parent_path()).is_full());
}

Error translated(const SQLite::Exception& failure, const std::filesystem::path& path) {
  const auto file = path.string();
  const int code = failure.getErrorCode() & 0xff;
  if (is_for_want_of_room(code, path)) return full(path);
  switch (code) {
    case SQLITE_NOTADB:
      return Error{Code::invalid, fmt::format("{} is not a database", file), file}
          .reason("NOT_A_DATABASE")
          .hint("put a backup in its place, or move it away to start with an empty database");
    case SQLITE_CORRUPT:
      return storage_failed(fmt::format("the database {} is damaged: {}", file, failure.what()),
                            path,
                            "stop the controller and put a backup in its place; `sqlite3 FILE "
                            ".recover` saves what can "
                            "be read");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return storage_failed(
          fmt::format("another program keeps the database {} locked: nothing was stored", file),
          path,
          "end that program (`fuser` on the file names it)");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return storage_failed(
          fmt::format("cannot open {} for writing: {}", file, failure.what()),
          path,
          "the user of the controller must own the file, its folder and the files beside it");
    case SQLITE_IOERR:
      return storage_failed(
          fmt::format("reading or writing {} failed: {} (SQLite {})",
                      file,
                      failure.what(),
                      failure.getExtendedErrorCode()),
          path,
          "look for errors of the disk in the kernel's log; storing goes on once it works again");
    default:
      return Error{Code::internal,
                   fmt::format("the database {} refused a statement: {}", file, failure.what()),
                   file};
  }
}

void create_private(const std::filesystem::path& path) {
  const Descriptor file{::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
  // A file that is there is not opened here: closing any descriptor of it would drop the locks
  // which SQLite holds on it in this process (fcntl, POSIX).
  if (!file.is_open() && means_disk_full(errno)) throw full(path);
  if (!file.is_open() && errno != EEXIST) {
    throw Error{Code::unavailable, system_error_text("cannot create", path), path.string()}.reason(
        "STORAGE_FAILED");
  }
}

}  // namespace

Query::Query(SQLite::Statement& statement) : statement_(statement) {}

Query::~Query() {
  statement_.tryReset();
}

bool Query::next() {
  return statement_.executeStep();
}

std::int64_t Query::run() {
  return statement_.exec();
}

void Query::bind_one(const std::string& text) {
  statement_.bind(parameter_++, text);
}

void Query::bind_one(const Blob& blob) {
  statement_.bind(parameter_++, blob.bytes.data(), static_cast<int>(blob.bytes.size()));
}

void Query::bind_integer(std::int64_t number) {
  statement_.bind(parameter_++, number);
}

void Query::bind_null() {
  statement_.bind(parameter_++);
}

void Query::read_one(std::string& text) {
  text = statement_.getColumn(column_++).getString();
}

void Query::read_one(Blob& blob) {
  const auto column = statement_.getColumn(column_++);
  blob.bytes.assign(static_cast<const char*>(column.getBlob()),
                    static_cast<std::size_t>(column.getBytes()));
}

std::int64_t Query::take_integer() {
  return statement_.getColumn(column_++).getInt64();
}

bool Query::is_null() const {
  return statement_.isColumnNull(column_);
}

Connection::Connection(std::filesystem::path path, Mode mode) : path_(std::move(path)) {
  if (mode == Mode::write) {
    create_private(path_);
  }
  database_ = std::make_unique<SQLite::Database>(
      path_.string(),
      mode == Mode::write ? SQLite::OPEN_READWRITE : SQLite::OPEN_READONLY,
      busy_timeout_ms);
  database_->exec("PRAGMA foreign_keys = ON");
  if (mode == Mode::read) {
    return;
  }
  if (database_->execAndGet("PRAGMA journal_mode = WAL").getString() != "wal") {
    throw storage_failed(
        fmt::format("{} lies where SQLite cannot keep a write-ahead log", path_.string()),
        path_,
        "use a folder on a local disk");
  }
  // An acknowledgement depends on the commit, so a commit waits for the disk.
  database_->exec("PRAGMA synchronous = FULL");
  // The files beside it stay when it is closed, so that a controller can be started, and its data
  // read, on a disk that has no room for new ones.
  int persist = 1;
  sqlite3_file_control(database_->getHandle(), "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
  // A log that a burst made large is cut again.
  database_->exec("PRAGMA journal_size_limit = 67108864");
}

Connection::~Connection() {
  statements_.clear();  // before the database, which cannot be closed under them
}

Query Connection::query(const std::string& sql) {
  auto found = statements_.find(sql);
  if (found == statements_.end()) {
    found = statements_.try_emplace(sql, *database_, sql).first;
  }
  return Query{found->second};
}

void Connection::run_script(const std::string& sql) {
  database_->exec(sql);
}

bool Connection::in_transaction() const {
  return sqlite3_get_autocommit(database_->getHandle()) == 0;
}

std::int64_t Connection::changes() const {
  return sqlite3_total_changes64(database_->getHandle());
}

void Connection::roll_back() noexcept {
  if (in_transaction()) {
    database_->tryExec("ROLLBACK");
  }
}

std::exception_ptr as_error(const std::exception_ptr& failure, const std::filesystem::path& path) {
  try {
    std::rethrow_exception(failure);
  } catch (const SQLite::Exception& exception) {
    return std::make_exception_ptr(translated(exception, path));
  } catch (...) {
    return failure;
  }
}

}  // namespace portoser::storage
