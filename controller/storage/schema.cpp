#include "controller/storage/schema.h"

#include "common/error.h"
#include "common/log.h"
#include "controller/storage/connection.h"

#include <fmt/format.h>

#include <cstdint>
#include <string>

namespace portoser::storage {
namespace {

bool has_tables(Connection& connection) {
  return connection.query("SELECT 1 FROM sqlite_schema LIMIT 1").next();
}

bool has_history(Connection& connection) {
  return connection.query("SELECT 1 FROM sqlite_schema WHERE name = 'schema_history'").next();
}

Error not_ours(const Connection& connection) {
  const auto file = connection.path().string();
  return Error{Code::conflict, fmt::format("{} is the database of another program", file), file}
      .reason("NOT_OUR_DATABASE")
      .hint("name another file in the settings, or move this one away");
}

Error newer(const Connection& connection, std::int64_t found, std::size_t known) {
  const auto file = connection.path().string();
  return Error{
      Code::conflict,
      fmt::format("the database {} has version {} and this program knows versions up to {}",
                  file,
                  found,
                  known),
      file}
      .reason("DATABASE_NEWER")
      .hint("start the newer program, or put back the backup from before its first start");
}

Error differs(const Connection& connection,
              const Migration& migration,
              const std::string& name,
              const std::string& checksum) {
  const auto file = connection.path().string();
  return Error{Code::conflict,
               fmt::format("migration {} in the database {} is {} with checksum {}, and in this "
                           "program {} with checksum {}",
                           migration.number,
                           file,
                           name,
                           checksum,
                           migration.name,
                           migration.checksum),
               file}
      .reason("DATABASE_DIFFERS")
      .hint("start the program that made this database, or one that was released after it");
}

void create_history(Connection& connection) {
  connection.run_script(
      "CREATE TABLE IF NOT EXISTS schema_history ("
      "  number INTEGER NOT NULL PRIMARY KEY,"
      "  name TEXT NOT NULL,"
      "  checksum TEXT NOT NULL,"
      "  applied_at INTEGER NOT NULL"
      ") STRICT");
}

void apply(Connection& connection, const Migration& migration, const Clock& clock) {
  connection.run_script(std::string{migration.sql});
  connection
      .query("INSERT INTO schema_history (number, name, checksum, applied_at) VALUES (?, ?, ?, ?)")
      .bind(migration.number,
            std::string{migration.name},
            std::string{migration.checksum},
            clock.now())
      .run();
}

}  // namespace

int schema_version(Connection& connection, std::span<const Migration> migrations) {
  if (!has_tables(connection)) {
    return 0;
  }
  if (!has_history(connection)) {
    throw not_ours(connection);
  }
  std::int64_t number = 0;
  std::string name;
  std::string checksum;
  auto applied =
      connection.query("SELECT number, name, checksum FROM schema_history ORDER BY number");
  while (applied.next()) {
    applied.read(number, name, checksum);
    if (number < 1) {
      throw not_ours(connection);
    }
    if (number > static_cast<std::int64_t>(migrations.size())) {
      continue;  // the refusal names the newest
    }
    const auto& ours = migrations[static_cast<std::size_t>(number - 1)];
    if (name != ours.name || checksum != ours.checksum) {
      throw differs(connection, ours, name, checksum);
    }
  }
  if (number > static_cast<std::int64_t>(migrations.size())) {
    throw newer(connection, number, migrations.size());
  }
  return static_cast<int>(number);
}

void migrate(Connection& connection, std::span<const Migration> migrations, const Clock& clock) {
  for (;;) {
    // Another process may be about to do the same: what is missing is asked inside the transaction.
    connection.run("BEGIN IMMEDIATE");
    try {
      const int version = schema_version(connection, migrations);
      if (version == static_cast<int>(migrations.size())) {
        connection.roll_back();
        return;
      }
      const auto& next = migrations[static_cast<std::size_t>(version)];
      create_history(connection);
      // It may take minutes where there is much, and nobody is answered meanwhile.
      log::info("storage", "migrating the database", {{"migration", next.name}});
      apply(connection, next, clock);
      connection.run("COMMIT");
      log::info("storage", "database migrated", {{"migration", next.name}});
    } catch (...) {
      connection.roll_back();
      throw;
    }
  }
}

}  // namespace portoser::storage
