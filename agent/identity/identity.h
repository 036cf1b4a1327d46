/// Who this agent is: its key pair and what it learnt when it joined. Blocking files; any thread.
///
/// In the data folder: `agent.key` (the secret key in Z85, mode 0600) and `identity.json` (the
/// rest).
#pragma once

#include "protocol/curve.h"

#include <filesystem>
#include <optional>
#include <string>

namespace portoser::agent::identity {

struct Identity {
  protocol::KeyPair keys;
  std::string device_id;
  std::string name;                 ///< of the host in registry.yml
  std::string controller_endpoint;  ///< "tcp://10.0.0.5:8990"
  std::string controller_key;       ///< public, in Z85
  std::string controller_url;       ///< where it joined: "http://10.0.0.5:8991"
};

/// The key pair of this folder, made and saved at the first call (with the folder, mode 0700). A
/// key file that others may read or that holds no key: `Error{invalid}` with what to do.
protocol::KeyPair make_or_find_keys(const std::filesystem::path& folder);

/// nullopt: this host has not joined. Damaged files: `Error{invalid}`.
std::optional<Identity> load_identity(const std::filesystem::path& folder);

/// Saves all but the keys, which `make_or_find_keys` did.
void save_identity(const std::filesystem::path& folder, const Identity& identity);

}  // namespace portoser::agent::identity
