#include "controller/storage/choice_store.h"

#include "controller/storage/connection.h"
#include "controller/storage/database.h"

#include <utility>

namespace portoser::storage {

namespace {

std::optional<std::string> chosen(Connection& connection, const std::string& name) {
  auto row = connection.query("SELECT value FROM choices WHERE name = ?");
  row.bind(name);
  std::optional<std::string> value;
  if (row.next()) row.read(value.emplace());
  return value;
}

void choose(Connection& connection, const std::string& name, const std::string& value) {
  connection
      .query(
          "INSERT INTO choices (name, value) VALUES (?, ?) "
          "ON CONFLICT (name) DO UPDATE SET value = excluded.value")
      .bind(name, value)
      .run();
}

}  // namespace

asio::awaitable<std::optional<std::string>> ChoiceStore::find(std::string name) {
  return database_.read(
      [name = std::move(name)](Connection& connection) { return chosen(connection, name); });
}

asio::awaitable<void> ChoiceStore::keep(std::string name, std::string value) {
  return database_.write([name = std::move(name), value = std::move(value)](
                             Connection& connection) { choose(connection, name, value); });
}

asio::awaitable<std::string> ChoiceStore::change(std::string name, Change change) {
  return database_.write(
      [name = std::move(name), change = std::move(change)](Connection& connection) {
        auto value = change(chosen(connection, name));
        choose(connection, name, value);
        return value;
      });
}

}  // namespace portoser::storage
