/// What people chose over the API while the controller ran, by name.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/tasks.h"

#include <optional>
#include <string>

namespace portoser::storage {

class Database;

class ChoiceStore {
 public:
  explicit ChoiceStore(Database& database) : database_(database) {}

  asio::awaitable<std::optional<std::string>> find(std::string name);
  asio::awaitable<void> keep(std::string name, std::string value);

 private:
  Database& database_;
};

}  // namespace portoser::storage
