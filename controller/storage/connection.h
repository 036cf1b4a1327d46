/// One connection to the database file and the statements prepared on it. Inside the room only: a
/// store gets one in the work that it hands to `Database`. A connection belongs to one thread.
#pragma once

#include "common/clock.h"

#include <concepts>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace SQLite {
class Database;
class Statement;
}  // namespace SQLite

namespace portoser::storage {

/// A value of a BLOB column.
struct Blob {
  std::string bytes;
};

/// A prepared statement in use. It is reset when this goes, since a statement left half way would
/// keep its read transaction open and the log of the database growing.
class Query {
 public:
  explicit Query(SQLite::Statement& statement);
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;
  ~Query();

  /// Binds the next parameters, in the order of their question marks.
  template <class... Values>
  Query& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }

  /// Steps to the next row; false when there is none.
  bool next();
  /// Reads the row's first columns, in order.
  template <class... Fields>
  void read(Fields&... fields) {
    column_ = 0;
    (read_one(fields), ...);
  }
  /// Runs a statement that gives no rows. Returns the number of rows it changed.
  std::int64_t run();

 private:
  void bind_one(const std::string& text);
  void bind_one(const Blob& blob);
  void bind_one(Time time) { bind_integer(to_unix_us(time)); }
  template <std::integral Number>
  void bind_one(Number number) {
    bind_integer(static_cast<std::int64_t>(number));
  }
  template <class Value>
  void bind_one(const std::optional<Value>& value) {
    if (value) {
      bind_one(*value);
    } else {
      bind_null();
    }
  }
  void bind_integer(std::int64_t number);
  void bind_null();

  void read_one(std::string& text);
  void read_one(Blob& blob);
  void read_one(std::int64_t& number) { number = take_integer(); }
  void read_one(bool& flag) { flag = take_integer() != 0; }
  void read_one(Time& time) { time = from_unix_us(take_integer()); }
  template <class Value>
  void read_one(std::optional<Value>& value) {
    if (is_null()) {
      value.reset();
      ++column_;
    } else {
      read_one(value.emplace());
    }
  }
  std::int64_t take_integer();
  bool is_null() const;

  SQLite::Statement& statement_;
  int parameter_ = 1;
  int column_ = 0;
};

class Connection {
 public:
  enum class Mode {
    write,  ///< creates a missing file, readable by its owner alone; every commit reaches the disk
    read,   ///< cannot change anything
  };

  /// Throws SQLite's exceptions, see `as_error`.
  Connection(std::filesystem::path path, Mode mode);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  /// Each text is prepared once. The same text must not be in use twice at one time.
  [[nodiscard]] Query query(const std::string& sql);
  /// A single statement without parameters and rows.
  void run(const std::string& sql) { query(sql).run(); }
  /// Several statements, not kept.
  void run_script(const std::string& sql);

  /// False too when SQLite took a whole transaction back, as it does on some failures.
  [[nodiscard]] bool in_transaction() const;
  /// Rows that were changed since it was opened.
  [[nodiscard]] std::int64_t changes() const;
  /// After a failure; does not fail itself.
  void roll_back() noexcept;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  std::unique_ptr<SQLite::Database> database_;
  std::unordered_map<std::string, SQLite::Statement> statements_;
};

/// SQLite's exception as our `Error`: a full disk or a failing one is `Error{unavailable}` with the
/// reason STORAGE_FAILED. Any other exception comes back as it is.
std::exception_ptr as_error(const std::exception_ptr& failure, const std::filesystem::path& path);

/// Calls `work` and throws what it throws as `Error`.
template <class Function>
auto with_plain_errors(const std::filesystem::path& path, Function work) {
  try {
    return work();
  } catch (...) {
    std::rethrow_exception(as_error(std::current_exception(), path));
  }
}

}  // namespace portoser::storage
