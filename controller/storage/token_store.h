/// Join tokens: who may join, how often, until when. The secret itself is never stored.
#pragma once

#include "common/clock.h"
#include "common/tasks.h"
#include "controller/storage/device_store.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace portoser::storage {

class Connection;

struct TokenRecord {
  std::string id;
  std::string secret_hash;  ///< SHA-256 of the secret, hexadecimal
  std::string prefix;       ///< the secret's first characters, to tell tokens apart
  std::string description;
  std::optional<std::string> host;  ///< the only name that may join with it
  bool allow_key_change = false;    ///< a known name may come with another key
  bool allow_new_host = false;      ///< a name that registry.yml does not have gets an entry there
  std::int64_t max_uses = 1;
  std::int64_t uses = 0;
  std::optional<Time> expires_at;
  Time created_at;
  std::string created_by;
  std::optional<Time> revoked_at;
  std::optional<Time> last_used_at;
};

/// What `register_device` did.
enum class Joined {
  created,  ///< a new device
  known,    ///< the same name and key as before: nothing was changed, no use was taken
  /// The device of that name has the new key, its facts and version, and what it declares on top of
  /// what was declared before.
  key_changed,
};

struct Registration {
  Joined joined = Joined::created;
  DeviceRecord device;  ///< as it is in the database now
};

/// A token that names another host: `Error{forbidden}`, TOKEN_FOR_OTHER_HOST.
void check_host(const TokenRecord& token, const std::string& name);

/// Inside the controller. Any thread; the methods are coroutines as `Database` describes them.
class TokenStore {
 public:
  explicit TokenStore(Database& database) : database_(database) {}

  /// An id that is there: `Error{conflict}`.
  asio::awaitable<void> insert(TokenRecord record);
  asio::awaitable<std::optional<TokenRecord>> find(std::string id);
  /// Newest first, with those that are used up or revoked.
  asio::awaitable<std::vector<TokenRecord>> list();
  /// A second time changes nothing. An id that is not there: `Error{not_found}`, TOKEN_UNKNOWN.
  asio::awaitable<void> revoke(std::string id, Time now);

  /// Joins `device` in one transaction, so that a use is taken only when it joined. The caller has
  /// checked the secret. `Error{unauthenticated}`: TOKEN_UNKNOWN, TOKEN_REVOKED; TOKEN_EXPIRED and
  /// TOKEN_USED_UP (which do not keep a device that has joined from repeating that);
  /// `Error{forbidden}`: TOKEN_FOR_OTHER_HOST; `Error{conflict}`: NAME_TAKEN, KEY_TAKEN.
  asio::awaitable<Registration> register_device(std::string token_id,
                                                Time now,
                                                DeviceRecord device);

 private:
  Database& database_;
};

/// The same for `portoser-controller token`, without threads and whether or not a controller runs,
/// which sees a new token at its next question (beside.h). All calls block.
class TokenFile {
 public:
  /// Refuses as `Database` does, but for DATABASE_IN_USE.
  TokenFile(const std::filesystem::path& path, const Clock& clock);
  TokenFile(const TokenFile&) = delete;
  TokenFile& operator=(const TokenFile&) = delete;
  ~TokenFile();

  void insert(const TokenRecord& record);
  std::vector<TokenRecord> list();
  void revoke(const std::string& id, Time now);

 private:
  std::unique_ptr<Connection> connection_;
};

}  // namespace portoser::storage
