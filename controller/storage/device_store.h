/// The hosts that joined: name, public key, facts, and how far their events are stored.
/// Any thread; the methods are coroutines as `Database` describes them.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace portoser::storage {

class Database;

struct DeviceRecord {
  std::string id;                  ///< a ULID
  std::string name;                ///< a host key of registry.yml
  std::string public_key;          ///< CURVE, Z85: 40 characters; empty: it has no agent
  std::string state = "approved";  ///< "approved", "pending", "rejected" or "removed"
  Time registered_at;
  std::optional<Time> last_seen_at;
  std::string facts = "{}";     ///< JSON text
  std::string declared = "{}";  ///< JSON text: what its registration said beside the facts
  std::string agent_version;
  std::string spool_epoch;                     ///< of the newest stored event
  std::int64_t acked_sequence = 0;             ///< the highest stored sequence of that epoch
  std::string mode = "normal";                 ///< "normal", "maintenance" or "disabled"
  std::optional<std::string> credential_hash;  ///< SHA-256, hexadecimal; none: it has no credential
  /// How a device that came without a token is known again; none: it came with one.
  std::optional<std::string> claim;
  std::optional<std::string> owner;  ///< `sub` of a user
  std::optional<Time> approved_at;
  std::optional<std::string> approved_by;
};

/// What an edit changes; the rest stays.
struct DeviceEdit {
  std::optional<std::string> declared;
  std::optional<std::string> mode;
  std::optional<std::string> owner;
};

/// What became of a claim.
struct Claim {
  bool known = false;               ///< it was there before; nothing was changed
  DeviceRecord device;              ///< as it is in the database now
  std::vector<std::string> lapsed;  ///< ids of older claims that were forgotten
};

struct DeviceSeen {
  std::string id;
  Time last_seen;
};

class DeviceStore {
 public:
  explicit DeviceStore(Database& database) : database_(database) {}

  /// By name; the removed ones too.
  asio::awaitable<std::vector<DeviceRecord>> all();
  /// `Error{conflict}`: NAME_TAKEN by a device that is not removed; KEY_TAKEN by any device.
  asio::awaitable<void> insert(DeviceRecord record);

  // An id that is not there is `Error{not_found}`, but for `touch`.
  asio::awaitable<void> update_facts(std::string id, std::string facts, std::string agent_version);
  /// Ignores ids that are not there.
  asio::awaitable<void> touch(std::vector<DeviceSeen> seen);
  /// "removed" frees the name and keeps the key from joining again; back from there the name may be
  /// NAME_TAKEN.
  asio::awaitable<void> set_state(std::string id, std::string state);
  asio::awaitable<void> approve(std::string id, Time now, std::string by);
  asio::awaitable<void> edit(std::string id, DeviceEdit edit);
  /// A device that comes without a token: it waits. The same `claim` under the same name is known.
  /// `Error{conflict}`: NAME_TAKEN; `Error{forbidden}`: DEVICE_REJECTED; `Error{rate_limited}`:
  /// TOO_MANY_PENDING when `most` of them wait already. Those that have waited for longer than
  /// `claims_wait` when a new one comes are forgotten.
  asio::awaitable<Claim> claim(DeviceRecord record, std::int64_t most);
  static constexpr std::chrono::hours claims_wait{7 * 24};
  /// KEY_TAKEN as in `insert`.
  asio::awaitable<void> replace_key(std::string id, std::string public_key);
  /// Forgets the device, its key too, so that the host may join anew. Its events stay.
  asio::awaitable<void> remove(std::string id);

 private:
  Database& database_;
};

}  // namespace portoser::storage
