/// The database beside a controller that may run: for commands of a person. Private to the room.
#pragma once

#include "common/clock.h"
#include "controller/storage/connection.h"

#include <filesystem>
#include <memory>

namespace portoser::storage {

/// SQLite lets two processes take turns (up to five seconds). An empty database is brought to this
/// program's version; an older one is refused (DATABASE_OLDER), since bringing it forward is the
/// controller's: a running one could be of that older version. Blocks.
std::unique_ptr<Connection> open_beside(const std::filesystem::path& path, const Clock& clock);

}  // namespace portoser::storage
