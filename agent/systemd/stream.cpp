#include "agent/systemd/stream.h"

#include <fmt/format.h>

#include <memory>
#include <utility>

namespace portoser::agent::systemd {

UnitStream::UnitStream(asio::any_io_executor executor,
                       std::string socket_path,
                       StreamCallbacks callbacks,
                       std::chrono::milliseconds patience)
    : executor_(std::move(executor)),
      socket_path_(std::move(socket_path)),
      callbacks_(std::move(callbacks)),
      patience_(patience) {}

void UnitStream::watch(std::set<std::string> names) {
  names_ = std::move(names);
  std::erase_if(units_, [&](const auto& entry) { return !names_.contains(entry.first); });
  std::erase_if(paths_, [&](const auto& entry) { return !names_.contains(entry.second); });
  if (connection_ == nullptr) return;
  try {
    look();
  } catch (const Error&) {
    // The connection broke: whoever listens on it hears that too, and the next one looks.
  }
}

asio::awaitable<void> UnitStream::follow() {
  Connection connection{executor_};
  co_await with_deadline(connection.open(socket_path_), patience_, "a connection to systemd");
  units_.clear();
  paths_.clear();
  asked_.clear();
  looked_ = false;
  connection_ = &connection;
  const auto at_end = [this](void*) { connection_ = nullptr; };
  const std::unique_ptr<void, decltype(at_end)> ending{this, at_end};
  look();
  co_await guarded_by(silence(), listen());
}

asio::awaitable<void> UnitStream::listen() {
  for (;;) {
    const auto message = co_await connection_->receive();
    ++heard_;
    take(message);
  }
}

asio::awaitable<Error> UnitStream::silence() {
  for (;;) {
    auto heard = heard_;
    co_await pause(patience_);
    if (heard != heard_) continue;
    connection_->send(manager_path, "org.freedesktop.DBus.Peer", "Ping");
    heard = heard_;
    co_await pause(patience_);
    if (heard == heard_) break;
  }
  co_return Error{Code::deadline, "systemd does not answer"}.reason("SYSTEMD_TIMEOUT");
}

void UnitStream::look() {
  looking_ = true;
  missing_ = names_;
  for (const auto& name : names_) ask_path(name, true);
  end_look_if_whole();
}

void UnitStream::ask_path(const std::string& name, bool loads) {
  Asked asked;
  asked.name = name;
  asked.is_path = true;
  asked.loads = loads;
  const auto* method = loads ? "LoadUnit" : "GetUnit";
  const auto serial = connection_->send(manager_path, manager_interface, method, "s", {name});
  asked_.insert_or_assign(serial, std::move(asked));
}

void UnitStream::ask_properties(const std::string& name) {
  for (const auto& [path, known] : paths_) {
    if (known != name) continue;
    Asked asked;
    asked.name = name;
    const auto serial = connection_->send(path, properties_interface, "GetAll", "s", {""});
    asked_.insert_or_assign(serial, std::move(asked));
    return;
  }
  ask_path(name, true);
}

void UnitStream::take(const Message& message) {
  if (message.type == MessageType::signal) {
    take_signal(message);
    return;
  }
  const auto asked = asked_.extract(message.reply_serial);
  if (!asked.empty()) take_answer(asked.mapped(), message);
}

void UnitStream::take_answer(const Asked& asked, const Message& message) {
  if (!names_.contains(asked.name)) return;
  if (message.type == MessageType::error && asked.is_path && !asked.loads) return;  // gone again
  if (message.type == MessageType::error) {
    // Its object went away between two questions, or its name says nothing to systemd.
    Unit unit;
    unit.name = asked.name;
    unit.load_state = "not-found";
    unit.active_state = "inactive";
    units_.insert_or_assign(asked.name, std::move(unit));
    finish(asked.name);
    return;
  }
  if (asked.is_path) {
    paths_.insert_or_assign(BodyReader{message}.text(), asked.name);
    ask_properties(asked.name);
    return;
  }
  Unit unit;
  unit.name = asked.name;
  unit.apply(BodyReader{message}.properties());
  units_.insert_or_assign(asked.name, std::move(unit));
  finish(asked.name);
}

/// A unit was read whole.
void UnitStream::finish(const std::string& name) {
  if (looking_ && missing_.erase(name) > 0) {
    end_look_if_whole();
  } else if (!looking_) {
    callbacks_.on_change(units_.at(name));
  }
}

void UnitStream::end_look_if_whole() {
  if (!missing_.empty()) return;
  looking_ = false;
  looked_ = true;
  std::vector<Unit> all;
  all.reserve(units_.size());
  for (const auto& [name, unit] : units_) all.push_back(unit);
  callbacks_.on_look(std::move(all));
}

void UnitStream::take_signal(const Message& message) {
  if (message.interface == properties_interface && message.member == "PropertiesChanged") {
    const auto found = paths_.find(message.path);
    if (found != paths_.end()) take_change(found->second, message);
    return;
  }
  if (message.interface != manager_interface) return;
  if (message.member == "UnitNew") {
    // What it was before says nothing of what it is now. systemd says so too when our own question
    // made it load a unit that nobody runs; to load that again would have no end.
    const auto name = BodyReader{message}.text();
    if (names_.contains(name)) ask_path(name, false);
  } else if (message.member == "Reloading") {
    for (const auto& name : names_) ask_path(name, true);
  }
}

/// systemd sends what belongs to the kind of unit first and what all units have behind it: with the
/// second the news is whole.
void UnitStream::take_change(const std::string& name, const Message& message) {
  const auto unit = units_.find(name);
  if (unit == units_.end()) return;  // it is being read
  BodyReader body{message};
  const auto interface = body.text();
  const auto before_active = unit->second.active_state;
  unit->second.apply(body.properties());
  if (interface != "org.freedesktop.systemd1.Unit") return;
  if (!looked_) return;  // the look will tell
  callbacks_.on_change(unit->second);
  // Its cgroup is not among what is told.
  if (unit->second.is_up() && before_active != unit->second.active_state) ask_properties(name);
}

}  // namespace portoser::agent::systemd
