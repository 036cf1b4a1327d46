#include "controller/storage/beside.h"

#include "common/error.h"
#include "controller/storage/schema.h"

#include <fmt/format.h>

namespace portoser::storage {

std::unique_ptr<Connection> open_beside(const std::filesystem::path& path, const Clock& clock) {
  return with_plain_errors(path, [&] {
    auto connection = std::make_unique<Connection>(path, Connection::Mode::write);
    const auto migrations = embedded_migrations();
    const int version = schema_version(*connection, migrations);
    if (version == 0) {
      migrate(*connection, migrations, clock);
    } else if (version != static_cast<int>(migrations.size())) {
      throw Error{Code::conflict,
                  fmt::format("the database {} has version {} and this program needs version {}",
                              path.string(),
                              version,
                              migrations.size()),
                  path.string()}
          .reason("DATABASE_OLDER")
          .hint("start this version of the controller once: it brings the database forward");
    }
    return connection;
  });
}

}  // namespace portoser::storage
