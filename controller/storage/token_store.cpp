#include "controller/storage/token_store.h"

#include "common/describe_json.h"
#include "common/error.h"
#include "controller/storage/beside.h"
#include "controller/storage/connection.h"
#include "controller/storage/database.h"
#include "controller/storage/device_rows.h"
#include "controller/storage/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace portoser::storage {
namespace {

const std::string select_tokens =
    "SELECT id, secret_hash, prefix, description, host, allow_key_change, allow_new_host, "
    "max_uses, uses, expires_at, created_at, created_by, revoked_at, last_used_at FROM tokens ";

TokenRecord read_token(Query& row) {
  TokenRecord token;
  row.read(token.id,
           token.secret_hash,
           token.prefix,
           token.description,
           token.host,
           token.allow_key_change,
           token.allow_new_host,
           token.max_uses,
           token.uses,
           token.expires_at,
           token.created_at,
           token.created_by,
           token.revoked_at,
           token.last_used_at);
  return token;
}

void insert_token(Connection& connection, const TokenRecord& token) {
  auto insert = connection.query(
      "INSERT INTO tokens (id, secret_hash, prefix, description, host, allow_key_change, "
      "allow_new_host, max_uses, uses, expires_at, created_at, created_by, revoked_at, "
      "last_used_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO "
      "NOTHING");
  insert.bind(token.id,
              token.secret_hash,
              token.prefix,
              token.description,
              token.host,
              token.allow_key_change,
              token.allow_new_host,
              token.max_uses,
              token.uses,
              token.expires_at,
              token.created_at,
              token.created_by,
              token.revoked_at,
              token.last_used_at);
  if (insert.run() == 0) {
    throw Error{Code::conflict, fmt::format("there is a token with the id {}", token.id), "id"};
  }
}

std::optional<TokenRecord> find_token(Connection& connection, const std::string& id) {
  auto rows = connection.query(select_tokens + "WHERE id = ?");
  rows.bind(id);
  if (!rows.next()) {
    return std::nullopt;
  }
  return read_token(rows);
}

std::vector<TokenRecord> list_tokens(Connection& connection) {
  std::vector<TokenRecord> tokens;
  auto rows = connection.query(select_tokens + "ORDER BY created_at DESC, id DESC");
  while (rows.next()) {
    tokens.push_back(read_token(rows));
  }
  return tokens;
}

void revoke_token(Connection& connection, const std::string& id, Time now) {
  auto update =
      connection.query("UPDATE tokens SET revoked_at = coalesce(revoked_at, ?) WHERE id = ?");
  if (update.bind(now, id).run() == 0) {
    throw Error{Code::not_found, fmt::format("no token has the id {}", id), "id"}.reason(
        "TOKEN_UNKNOWN");
  }
}

Error refused(std::string_view reason, const std::string& message) {
  return Error{Code::unauthenticated, message, "token_id"}.reason(reason).hint(
      "make a new token with `portoser-controller token create`");
}

TokenRecord known_token(Connection& connection, const std::string& id) {
  auto token = find_token(connection, id);
  if (!token) {
    throw refused("TOKEN_UNKNOWN", "this token is not known here");
  }
  if (token->revoked_at) {
    throw refused("TOKEN_REVOKED",
                  fmt::format("this token was revoked at {}", to_rfc3339(*token->revoked_at)));
  }
  return *std::move(token);
}

void take_use(Connection& connection, const TokenRecord& token, Time now) {
  if (token.expires_at && *token.expires_at <= now) {
    throw refused("TOKEN_EXPIRED",
                  fmt::format("this token was good until {}", to_rfc3339(*token.expires_at)));
  }
  if (token.uses >= token.max_uses) {
    throw refused(
        "TOKEN_USED_UP",
        fmt::format("this token was good for {} and is used up",
                    token.max_uses == 1 ? "one host" : fmt::format("{} hosts", token.max_uses)));
  }
  connection.query("UPDATE tokens SET uses = uses + 1, last_used_at = ? WHERE id = ?")
      .bind(now, token.id)
      .run();
}

Json object_in(const std::string& text) {
  auto json = Json::parse(text, nullptr, false);
  return json.is_object() ? json : Json::object();
}

/// What people said of the device stays; what the machine says now comes on top.
std::string with_declared(const std::string& before, const std::string& now) {
  auto merged = object_in(before);
  const auto said = object_in(now);
  for (const auto& [name, value] : said.items()) {
    auto& kept = merged[name];
    if (kept.is_object() && value.is_object()) {
      kept.update(value);
    } else if (kept.is_array() && value.is_array()) {
      for (const auto& one : value) {
        if (std::find(kept.begin(), kept.end(), one) == kept.end()) kept.push_back(one);
      }
    } else {
      kept = value;
    }
  }
  return dump(merged);
}

Registration join(Connection& connection,
                  const std::string& token_id,
                  Time now,
                  const DeviceRecord& device) {
  const auto token = known_token(connection, token_id);
  check_host(token, device.name);
  const auto known = device_named(connection, device.name);
  if (known && !device.public_key.empty() && known->public_key == device.public_key) {
    if (known->state == "rejected") {
      throw rejected_device(device.name);
    }
    // The answer to its first request was lost: it asks again.
    return Registration{Joined::known, *known};
  }
  take_use(connection, token, now);  // undone with the rest when what follows throws
  if (known && give_way(connection, *known)) {
    insert_device(connection, device);
    return Registration{Joined::created, device};
  }
  if (known && token.allow_key_change) {
    replace_device_key(connection, known->id, device.public_key, device.credential_hash);
    update_device_facts(connection, known->id, device.facts, device.agent_version);
    update_device_declared(connection, known->id, with_declared(known->declared, device.declared));
    return Registration{Joined::key_changed, device_named(connection, device.name).value()};
  }
  insert_device(connection, device);
  return Registration{Joined::created, device};
}

}  // namespace

void check_host(const TokenRecord& token, const std::string& name) {
  if (token.host && *token.host != name) {
    throw Error{Code::forbidden,
                fmt::format("this token is for the host \"{}\", not for \"{}\"", *token.host, name),
                "hostname"}
        .reason("TOKEN_FOR_OTHER_HOST")
        .hint(fmt::format(
            "join as that host: portoser-agent join --name {} TOKEN; or make a token for {}",
            *token.host,
            name));
  }
}

asio::awaitable<void> TokenStore::insert(TokenRecord record) {
  return database_.write(
      [record = std::move(record)](Connection& connection) { insert_token(connection, record); });
}

asio::awaitable<std::optional<TokenRecord>> TokenStore::find(std::string id) {
  return database_.read(
      [id = std::move(id)](Connection& connection) { return find_token(connection, id); });
}

asio::awaitable<std::vector<TokenRecord>> TokenStore::list() {
  return database_.read(list_tokens);
}

asio::awaitable<void> TokenStore::revoke(std::string id, Time now) {
  return database_.write(
      [id = std::move(id), now](Connection& connection) { revoke_token(connection, id, now); });
}

asio::awaitable<Registration> TokenStore::register_device(std::string token_id,
                                                          Time now,
                                                          DeviceRecord device) {
  return database_.write(
      [token_id = std::move(token_id), now, device = std::move(device)](Connection& connection) {
        return join(connection, token_id, now, device);
      });
}

TokenFile::TokenFile(const std::filesystem::path& path, const Clock& clock)
    : connection_(open_beside(path, clock)) {}

TokenFile::~TokenFile() = default;

void TokenFile::insert(const TokenRecord& record) {
  with_plain_errors(connection_->path(), [&] { insert_token(*connection_, record); });
}

std::vector<TokenRecord> TokenFile::list() {
  return with_plain_errors(connection_->path(), [&] { return list_tokens(*connection_); });
}

void TokenFile::revoke(const std::string& id, Time now) {
  with_plain_errors(connection_->path(), [&] { revoke_token(*connection_, id, now); });
}

}  // namespace portoser::storage
