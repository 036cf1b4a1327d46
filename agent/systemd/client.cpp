#include "agent/systemd/client.h"

#include "agent/systemd/connection.h"

#include <fmt/format.h>

namespace portoser::agent::systemd {
namespace {

template <class T>
asio::awaitable<T> in_time(asio::awaitable<T> work, std::chrono::milliseconds limit) {
  bool is_late = false;
  try {
    co_return co_await with_deadline(std::move(work), limit, "systemd's answer");
  } catch (const Error& error) {
    if (error.code() != Code::deadline) throw;
    is_late = true;
  }
  if (is_late) {
    throw Error{Code::deadline,
                fmt::format("systemd gave no answer in {} s",
                            std::chrono::duration_cast<std::chrono::seconds>(limit).count())}
        .reason("SYSTEMD_TIMEOUT")
        .hint("the host is overloaded, or its disk hangs");
  }
  throw Error{Code::internal, "unreachable"};
}

}  // namespace

Client::Client(asio::any_io_executor executor,
               std::string socket_path,
               std::chrono::milliseconds limit)
    : executor_(std::move(executor)), socket_path_(std::move(socket_path)), limit_(limit) {}

asio::awaitable<Unit> Client::unit(std::string name) {
  return in_time(read_unit(std::move(name)), limit_);
}

asio::awaitable<std::string> Client::version() {
  return manager_property("Version");
}

asio::awaitable<bool> Client::is_stopping() {
  const auto state = co_await manager_property("SystemState");
  co_return state == "stopping";
}

asio::awaitable<Unit> Client::read_unit(std::string name) {
  Connection connection{executor_};
  co_await connection.open(socket_path_);
  const std::vector<std::string> wanted{name};
  const auto loading = connection.send(manager_path, manager_interface, "LoadUnit", "s", wanted);
  const auto loaded = co_await connection.answer_to(loading);
  const auto path = BodyReader{loaded}.text();
  // Of every interface that the unit has.
  const std::vector<std::string> all{""};
  const auto reading = connection.send(path, properties_interface, "GetAll", "s", all);
  const auto answer = co_await connection.answer_to(reading);
  Unit unit;
  unit.name = std::move(name);
  unit.apply(BodyReader{answer}.properties());
  co_return unit;
}

asio::awaitable<std::string> Client::manager_property(std::string name) {
  return in_time(read_manager_property(std::move(name)), limit_);
}

asio::awaitable<std::string> Client::read_manager_property(std::string name) {
  Connection connection{executor_};
  co_await connection.open(socket_path_);
  const std::vector<std::string> arguments{manager_interface, name};
  const auto asking = connection.send(manager_path, properties_interface, "Get", "ss", arguments);
  const auto answer = co_await connection.answer_to(asking);
  const auto value = BodyReader{answer}.value();
  const auto* text = std::get_if<std::string>(&value);
  co_return text == nullptr ? std::string{} : *text;
}

}  // namespace portoser::agent::systemd
