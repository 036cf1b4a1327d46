/// The shape of the database: forward migrations, each applied once and remembered. Inside the room
/// only.
#pragma once

#include "common/clock.h"

#include <span>
#include <string_view>

namespace portoser::storage {

class Connection;

struct Migration {
  int number = 0;             ///< 1, 2, 3 ... without a gap
  std::string_view name;      ///< "0001_devices"
  std::string_view checksum;  ///< SHA-256 of the file, hexadecimal
  std::string_view sql;
};

/// The files of migrations/, in order, as they were when the program was built.
std::span<const Migration> embedded_migrations();

/// Applies what is missing, each in a transaction of its own. Refused, without a change, as
/// `Error{conflict}`: a database newer than the program (DATABASE_NEWER), one whose applied
/// migrations differ from the program's (DATABASE_DIFFERS), a file of another program
/// (NOT_OUR_DATABASE).
void migrate(Connection& connection, std::span<const Migration> migrations, const Clock& clock);

/// The number of the newest migration in the database; 0: empty. Refuses what `migrate` refuses.
int schema_version(Connection& connection, std::span<const Migration> migrations);

}  // namespace portoser::storage
