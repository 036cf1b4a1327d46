#include "controller/storage/device_store.h"

#include "common/error.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"
#include "controller/storage/device_rows.h"

#include <fmt/format.h>

#include <utility>

namespace portoser::storage {
namespace {

const std::string select_devices =
    "SELECT id, name, public_key, state, registered_at, last_seen_at, facts, agent_version, "
    "spool_epoch, acked_sequence, declared, mode, credential_hash, claim, owner, approved_at, "
    "approved_by FROM devices ";

DeviceRecord read_device(Query& row) {
  DeviceRecord device;
  std::optional<std::string> public_key;
  row.read(device.id,
           device.name,
           public_key,
           device.state,
           device.registered_at,
           device.last_seen_at,
           device.facts,
           device.agent_version,
           device.spool_epoch,
           device.acked_sequence,
           device.declared,
           device.mode,
           device.credential_hash,
           device.claim,
           device.owner,
           device.approved_at,
           device.approved_by);
  device.public_key = public_key.value_or("");
  return device;
}

std::optional<std::string> null_when_empty(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

std::optional<DeviceRecord> device_with(Connection& connection,
                                        const std::string& condition,
                                        const std::string& value) {
  auto rows = connection.query(select_devices + condition);
  rows.bind(value);
  if (!rows.next()) {
    return std::nullopt;
  }
  return read_device(rows);
}

void check_name_is_free(Connection& connection, const std::string& name, const std::string& id) {
  const auto holder = device_named(connection, name);
  if (holder && holder->id != id) {
    throw Error{Code::conflict,
                fmt::format("the name \"{}\" belongs to a device that joined before", name),
                "name"}
        .reason("NAME_TAKEN")
        .hint("remove that device first, or use a token that allows a new key for this host");
  }
}

void check_key_is_free(Connection& connection, const std::string& key, const std::string& id) {
  if (key.empty()) return;
  const auto holder = device_with(connection, "WHERE public_key = ?", key);
  if (!holder || holder->id == id) {
    return;
  }
  if (holder->state == "removed") {
    throw Error{Code::conflict,
                fmt::format("this key belonged to \"{}\", which was removed", holder->name),
                "public_key"}
        .reason("KEY_TAKEN")
        .hint("delete the agent's key file and let it join with a new key");
  }
  throw Error{Code::conflict,
              fmt::format("this key belongs to the device \"{}\"", holder->name),
              "public_key"}
      .reason("KEY_TAKEN")
      .hint("a cloned machine needs a key of its own: delete the agent's key file and join again");
}

Error no_device(const std::string& id) {
  return Error{Code::not_found, fmt::format("no device has the id {}", id), "device_id"}.reason(
      "DEVICE_UNKNOWN");
}

void set_device_state(Connection& connection, const std::string& id, const std::string& state) {
  const auto device = device_with(connection, "WHERE id = ?", id);
  if (!device) {
    throw no_device(id);
  }
  if (state != "removed") {
    check_name_is_free(connection, device->name, id);
  }
  connection.query("UPDATE devices SET state = ? WHERE id = ?").bind(state, id).run();
}

void edit_device(Connection& connection, const std::string& id, const DeviceEdit& edit) {
  auto update = connection.query(
      "UPDATE devices SET declared = coalesce(?, declared), mode = coalesce(?, mode), "
      "owner = coalesce(?, owner) WHERE id = ?");
  if (update.bind(edit.declared, edit.mode, edit.owner, id).run() == 0) {
    throw no_device(id);
  }
}

bool is_bare_claim(const DeviceRecord& device) {
  return device.state == "pending" && device.claim.has_value();
}

/// Claims that nobody looked at make room.
std::vector<std::string> forget_old_claims(Connection& connection, Time now) {
  const auto before = now - DeviceStore::claims_wait;
  const std::string old = "WHERE state = 'pending' AND claim IS NOT NULL AND registered_at < ?";
  std::vector<std::string> ids;
  auto rows = connection.query("SELECT id FROM devices " + old);
  rows.bind(before);
  while (rows.next()) rows.read(ids.emplace_back());
  if (!ids.empty()) connection.query("DELETE FROM devices " + old).bind(before).run();
  return ids;
}

Claim claim_device(Connection& connection, const DeviceRecord& device, std::int64_t most) {
  if (const auto known = device_named(connection, device.name)) {
    if (known->claim != device.claim) {
      check_name_is_free(connection, device.name, {});
    }
    if (known->state == "rejected") {
      throw rejected_device(device.name);
    }
    return {true, *known, {}};
  }
  auto lapsed = forget_old_claims(connection, device.registered_at);
  auto waiting = connection.query(
      "SELECT count(*) FROM devices WHERE state = 'pending' AND claim IS NOT NULL");
  std::int64_t count = 0;
  if (waiting.next()) waiting.read(count);
  if (count >= most) {
    throw Error{Code::rate_limited,
                fmt::format("{} hosts that came without a token wait for approval already", count)}
        .reason("TOO_MANY_PENDING")
        .hint("approve or reject some of them, or join with a token");
  }
  insert_device(connection, device);
  return {false, device, std::move(lapsed)};
}

}  // namespace

Error rejected_device(const std::string& name) {
  return Error{Code::forbidden,
               fmt::format("an admin has rejected the device \"{}\"", name),
               "body.hostname"}
      .reason("DEVICE_REJECTED")
      .hint("an admin may approve it after all, or delete it so that the host may ask anew");
}

bool give_way(Connection& connection, const DeviceRecord& device) {
  if (is_bare_claim(device)) {
    connection.query("DELETE FROM devices WHERE id = ?").bind(device.id).run();
    return true;
  }
  if (device.state != "rejected") return false;
  // Its key stays refused.
  connection.query("UPDATE devices SET state = 'removed' WHERE id = ?").bind(device.id).run();
  return true;
}

std::optional<DeviceRecord> device_named(Connection& connection, const std::string& name) {
  return device_with(connection, "WHERE name = ? AND state <> 'removed'", name);
}

void insert_device(Connection& connection, const DeviceRecord& device) {
  if (device.state != "removed") {
    check_name_is_free(connection, device.name, {});
  }
  check_key_is_free(connection, device.public_key, {});
  connection
      .query(
          "INSERT INTO devices (id, name, public_key, state, registered_at, last_seen_at, facts, "
          "agent_version, spool_epoch, acked_sequence, declared, mode, credential_hash, claim, "
          "owner, approved_at, approved_by) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(device.id,
            device.name,
            null_when_empty(device.public_key),
            device.state,
            device.registered_at,
            device.last_seen_at,
            device.facts,
            device.agent_version,
            device.spool_epoch,
            device.acked_sequence,
            device.declared,
            device.mode,
            device.credential_hash,
            device.claim,
            device.owner,
            device.approved_at,
            device.approved_by)
      .run();
}

void replace_device_key(Connection& connection,
                        const std::string& id,
                        const std::string& public_key,
                        const std::optional<std::string>& credential_hash) {
  check_key_is_free(connection, public_key, id);
  if (connection.query("UPDATE devices SET public_key = ?, credential_hash = ? WHERE id = ?")
          .bind(null_when_empty(public_key), credential_hash, id)
          .run() == 0) {
    throw no_device(id);
  }
}

void update_device_facts(Connection& connection,
                         const std::string& id,
                         const std::string& facts,
                         const std::string& agent_version) {
  auto update = connection.query("UPDATE devices SET facts = ?, agent_version = ? WHERE id = ?");
  if (update.bind(facts, agent_version, id).run() == 0) {
    throw no_device(id);
  }
}

void update_device_declared(Connection& connection,
                            const std::string& id,
                            const std::string& declared) {
  auto update = connection.query("UPDATE devices SET declared = ? WHERE id = ?");
  if (update.bind(declared, id).run() == 0) {
    throw no_device(id);
  }
}

asio::awaitable<std::vector<DeviceRecord>> DeviceStore::all() {
  return database_.read([](Connection& connection) {
    std::vector<DeviceRecord> devices;
    auto rows = connection.query(select_devices + "ORDER BY name, id");
    while (rows.next()) {
      devices.push_back(read_device(rows));
    }
    return devices;
  });
}

asio::awaitable<void> DeviceStore::insert(DeviceRecord record) {
  return database_.write(
      [record = std::move(record)](Connection& connection) { insert_device(connection, record); });
}

asio::awaitable<void> DeviceStore::update_facts(std::string id,
                                                std::string facts,
                                                std::string agent_version) {
  return database_.write(
      [id = std::move(id), facts = std::move(facts), version = std::move(agent_version)](
          Connection& connection) { update_device_facts(connection, id, facts, version); });
}

asio::awaitable<void> DeviceStore::touch(std::vector<DeviceSeen> seen) {
  return database_.write([seen = std::move(seen)](Connection& connection) {
    for (const auto& device : seen) {
      connection.query("UPDATE devices SET last_seen_at = ? WHERE id = ?")
          .bind(device.last_seen, device.id)
          .run();
    }
  });
}

asio::awaitable<void> DeviceStore::set_state(std::string id, std::string state) {
  return database_.write([id = std::move(id), state = std::move(state)](Connection& connection) {
    set_device_state(connection, id, state);
  });
}

asio::awaitable<void> DeviceStore::replace_key(std::string id, std::string public_key) {
  return database_.write([id = std::move(id), key = std::move(public_key)](Connection& connection) {
    replace_device_key(connection, id, key, std::nullopt);
  });
}

asio::awaitable<void> DeviceStore::approve(std::string id, Time now, std::string by) {
  return database_.write([id = std::move(id), now, by = std::move(by)](Connection& connection) {
    auto update = connection.query(
        "UPDATE devices SET state = 'approved', approved_at = ?, approved_by = ? WHERE id = ? AND "
        "state <> 'removed'");
    if (update.bind(now, by, id).run() == 0) {
      throw no_device(id);
    }
  });
}

asio::awaitable<void> DeviceStore::edit(std::string id, DeviceEdit edit) {
  return database_.write([id = std::move(id), edit = std::move(edit)](Connection& connection) {
    edit_device(connection, id, edit);
  });
}

asio::awaitable<Claim> DeviceStore::claim(DeviceRecord record, std::int64_t most) {
  return database_.write([record = std::move(record), most](Connection& connection) {
    return claim_device(connection, record, most);
  });
}

asio::awaitable<void> DeviceStore::remove(std::string id) {
  return database_.write([id = std::move(id)](Connection& connection) {
    if (connection.query("DELETE FROM devices WHERE id = ?").bind(id).run() == 0) {
      throw no_device(id);
    }
  });
}

}  // namespace portoser::storage
