#include "controller/storage/choice_store.h"

#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <utility>

namespace portoser::storage {

asio::awaitable<std::optional<std::string>> ChoiceStore::find(std::string name) {
  return database_.read([name = std::move(name)](Connection& connection) {
    auto row = connection.query("SELECT value FROM choices WHERE name = ?");
    row.bind(name);
    std::optional<std::string> value;
    if (row.next()) row.read(value.emplace());
    return value;
  });
}

asio::awaitable<void> ChoiceStore::keep(std::string name, std::string value) {
  return database_.write(
      [name = std::move(name), value = std::move(value)](Connection& connection) {
        connection
            .query(
                "INSERT INTO choices (name, value) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(name, value)
            .run();
      });
}

}  // namespace portoser::storage
