/// What people chose over the API while the controller ran, by name.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/tasks.h"

#include <functional>
#include <optional>
#include <string>

namespace portoser::storage {

class Database;

class ChoiceStore {
 public:
  explicit ChoiceStore(Database& database) : database_(database) {}

  asio::awaitable<std::optional<std::string>> find(std::string name);
  asio::awaitable<void> keep(std::string name, std::string value);
  /// Keeps what `change` makes of the value (none: there is none), in one transaction. It runs on
  /// the thread that writes; what it throws changes nothing. The new value comes back.
  using Change = std::function<std::string(const std::optional<std::string>& before)>;
  asio::awaitable<std::string> change(std::string name, Change change);

 private:
  Database& database_;
};

}  // namespace portoser::storage
